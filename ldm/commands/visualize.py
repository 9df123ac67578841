"""Draw what a model or a run holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldm.commands import visualize_au, visualize_faces
from ldm.commands.steps import Step, parse_step

if TYPE_CHECKING:
    from ldm.runs.load import Step as LoadedStep

app = typer.Typer(no_args_is_help=True, help="Draw what a model or a run holds.")

app.command()(visualize_au.au)


@app.callback()
def visualize() -> None:
    """Draw what a model or a run holds."""


for _command in visualize_faces.COMMANDS:
    app.command()(_command)


@app.command()
def basis(
    run: Annotated[Path | None, typer.Option(help="The run: its folder or its name in logs/.")] = None,
    sd: Annotated[
        Path | None, typer.Option(help="Weights; without a run, the basis of their own list of names is made.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("outputs/basis"),
    components: Annotated[int, typer.Option(min=1, help="How many leading components.")] = 6,
    vector: Annotated[
        int | None, typer.Option(min=1, help="Move only a person's first (1) or second (2) vector; default: all.")
    ] = None,
    prompt: Annotated[str, typer.Option(help="What to draw, with the first placeholder.")] = "a photo of sks",
    seed: Annotated[int, typer.Option(min=0, help="The noise, the same for all pictures.")] = 42,
    step: Step = "last",
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, dpm++, euler, pndm, ddpm; default: the model's.")] = None,
    config: Annotated[Path, typer.Option(help="How the basis is made where there is no run.")] = Path(
        "configs/stable-diffusion/celeb_basis.yaml"
    ),
) -> None:
    """The principal components of a celeb basis, drawn from -3 to +3 deviations of the names, and their variances.

    Writes components.png (a row each, the middle is the basis mean), spectrum.png and settings.json.

    Examples:

      python -m ldm visualize basis --run logs/RUN

      python -m ldm visualize basis --sd weights/embedded --components 10 --vector 1
    """
    from ldm.commands.bars import bar
    from ldm.files import require_writable
    from ldm.runs.basis_pictures import MULTIPLES, write_basis
    from ldm.runs.draw import pipeline_of, settings_of

    require_writable(out)
    model, facts = _model_of(run, sd, parse_step(step), config)
    pipeline = pipeline_of(model, None, sampler)
    settings = settings_of(model, seed=seed, num_inference_steps=steps, guidance_scale=guidance, sampler=sampler)
    moved = None if vector is None else vector - 1
    with bar("draw", components * len(MULTIPLES)) as advance:
        written = write_basis(pipeline, settings, out, prompt, components, moved, facts, advance)
    print(*written, sep="\n")


def _model_of(run: Path | None, sd: Path | None, step: "LoadedStep", config: Path) -> tuple[Any, dict[str, Any]]:
    """The model, and what settings.json says about it."""
    from ldm.runs.basis_pictures import model_with_basis
    from ldm.runs.load import find_run, load_model, step_of

    if run is not None:
        folder = find_run(run)
        at = step_of(folder, step)
        model = load_model(folder.path, sd, at)
        return model, {"model": str(model.weights_folder), "run": folder.path.resolve().name, "step": at}
    if sd is None:
        raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the basis of their own list of names")
    if step is not None:
        raise ValueError("--step belongs to a run: give --run logs/RUN")
    return model_with_basis(sd, config), {"model": str(sd), "config": str(config)}
