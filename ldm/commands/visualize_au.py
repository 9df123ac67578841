"""`python -m ldm visualize au`: the figures of the DreamBooth with action units, each in one command."""

from pathlib import Path
from typing import Annotated, Literal

import typer


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
    n: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The noise, the same for all prompts.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("outputs/action_units"),
) -> None:
    """One figure: FIGURE.png with a labelled row each, samples/ and settings.json.

    Examples:

      python -m ldm visualize au person-by-units --run logs/AU_RUN --person "a photo of sks" --words sentence

      python -m ldm visualize au sweep --sd weights/embedded --unit 12
    """
    from PIL import Image

    from ldm.commands.drawing import Order, draw
    from ldm.commands.generate_options import How, What, Who
    from ldm.data.action_units.figures import FIGURES
    from ldm.runs.png import grid_of, save_gif, save_png
    from ldm.runs.sheet import sheet

    wanted = FIGURES[figure](person, unit, words)
    drawn = draw(Order(Who(run, sd), What(wanted.prompts), How(n, seed, steps), out=out))
    of_prompt: dict[str, list[Image.Image]] = {}
    for sample in drawn.samples:
        with Image.open(out / sample["file"]) as picture:
            of_prompt.setdefault(sample["prompt"], []).append(picture.convert("RGB"))
    rows = {label: [one for prompt in row for one in of_prompt[prompt]] for label, row in wanted.rows.items()}
    facts = {"figure": figure, "rows": {label: list(row) for label, row in wanted.rows.items()}}
    save_png(out / f"{figure}.png", sheet(rows), facts)
    if wanted.moving:
        frames = [grid_of(of_prompt[prompt]) for prompt in wanted.prompts]
        save_gif(out / f"{figure}.gif", [*frames, *frames[-2:0:-1]], facts)
    print(out / f"{figure}.png")
