"""`python -m ldm visualize au`: the figures of the DreamBooth with action units, each in one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ldm.commands.generate_options import ActionUnits
    from ldm.data.action_units.figures import Figure


def au(
    figure: Annotated[
        Literal["person-by-units", "unit-by-people", "mixtures", "sweep"],
        typer.Argument(
            help="One person and twelve action units; one unit on women and men of four groups; people between the "
            "groups; or one unit from 0 to 5, with a GIF."
        ),
    ],
    run: Annotated[Path | None, typer.Option(help="The run: its folder or its name in logs/.")] = None,
    sd: Annotated[Path | None, typer.Option(help="Weights, where there is no run.")] = None,
    person: Annotated[
        str | None, typer.Option(help='Who: a prompt like "a photo of sks"; default: Asian,female,close-up,...')
    ] = None,
    unit: Annotated[str, typer.Option(help="The action unit of unit-by-people and sweep.")] = "4",
    words: Annotated[
        Literal["sentence", "phrase", "code", "index"], typer.Option(help="How prompts say it: as the captions did.")
    ] = "phrase",
    au_guidance: Annotated[
        float | None, typer.Option(min=0, help="Strength of a vector; default: the prompt's.")
    ] = None,
    au_prompt: Annotated[
        str | None, typer.Option(help='Whose movement a vector takes: "a photo of a face"; default: their own.')
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The noise, the same for all prompts.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("outputs/action_units"),
) -> None:
    """One figure: FIGURE.png with a labelled row each, samples/ and settings.json.

    A run that has learned a vector of action units is told by it, and rows of units that it does not have are left out;
    any other model is told in words.

    Examples:

      python -m ldm visualize au person-by-units --run logs/AU_RUN --person "a photo of sks" --words sentence

      python -m ldm visualize au sweep --sd weights/embedded --unit 12
    """
    from PIL import Image

    from ldm.commands.generate_options import ActionUnits
    from ldm.data.action_units.figures import FIGURES
    from ldm.runs.png import grid_of, save_gif, save_png
    from ldm.runs.sheet import sheet

    if run is None and sd is None:
        raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the plain model")
    moved = ActionUnits(au_guidance=au_guidance, au_prompt=au_prompt)
    wanted, made = _draw(FIGURES[figure](person, unit, words), run, sd, moved, range(seed, seed + n), steps, out)
    files = iter(made)
    rows: dict[str, list[list[Image.Image]]] = {}
    for label, row in wanted.rows.items():
        rows[label] = [[Image.open(next(files)).convert("RGB") for _ in range(n)] for _ in row]
    said = iter(wanted.prompts)
    facts = {"figure": figure, "rows": {label: [next(said) for _ in row] for label, row in wanted.rows.items()}}
    whole = sheet({label: [one for cell in row for one in cell] for label, row in rows.items()})
    save_png(out / f"{figure}.png", whole, facts)
    if wanted.moving:
        frames = [grid_of(cell) for row in rows.values() for cell in row]
        save_gif(out / f"{figure}.gif", [*frames, *frames[-2:0:-1]], facts)
    print(out / f"{figure}.png")


def _draw(
    figure: "Figure",
    run: Path | None,
    sd: Path | None,
    moved: "ActionUnits",
    seeds: range,
    steps: int | None,
    out: Path,
) -> "tuple[Figure, list[Path]]":
    """What of a figure the model can be told, and its pictures, those of a cell from one seed after the other."""
    from ldm.commands.bars import bar
    from ldm.commands.drawing_au import mover_of, vector_of
    from ldm.commands.drawing_models import drawers
    from ldm.commands.drawing_settings import settings_for
    from ldm.commands.generate_options import AddOns, How, What, Who
    from ldm.data.action_units.asked import told
    from ldm.data.action_units.figures import of_units
    from ldm.modules.au_conditioner import conditioner_of, worded
    from ldm.runs.draw import pipeline_of
    from ldm.runs.draw_au import AuRequest, draw_requests

    drawer = next(drawers(Who(run, sd), AddOns(), []))
    part, requests = conditioner_of(drawer.model), []
    if part is not None:
        left = of_units(figure, part.units)
        if gone := figure.rows.keys() - left.rows.keys():
            print(f"left out, since this run's vector does not have them: {', '.join(sorted(gone))}")
        figure = left
    for number, (cell, prompt) in enumerate(zip(figure.cells, figure.prompts, strict=True)):
        vector = None if part is None else tuple(vector_of(cell.asked, part.units).tolist())
        words = prompt if part is None else worded(cell.who, part.word)
        facts = {"au": told(cell.asked) or "neutral", "model": drawer.facts["model"]}
        requests += [AuRequest(f"samples/{number:04d}_{one:05d}.png", words, one, vector, facts) for one in seeds]
    settings = settings_for(drawer.model, How(steps=steps), What())
    pipeline = pipeline_of(drawer.model, drawer.people, settings.sampler)
    pipeline.mover = mover_of(drawer.model, moved)
    with bar("draw", len(requests)) as advance:
        return figure, draw_requests(pipeline, requests, settings, out, moved.au_guidance, advance, keep=False)
