"""Draw pictures of the people that a run has learned."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    run: Annotated[Path | None, typer.Option(help="The run's folder, logs/RUN; without it the plain model.")] = None,
    sd: Annotated[Path | None, typer.Option(help="Weights; default: those that the run was trained on.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="What to draw; may be given several times.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="File with one prompt a line.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder; default: outputs/RUN.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the first picture of each prompt.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, dpm++, euler, pndm, ddpm; default: the model's.")] = None,
    negative: Annotated[str, typer.Option(help="What shall not be seen.")] = "",
    step: Annotated[int | None, typer.Option(help="Training step, counted from 0; default: the last.")] = None,
    people: Annotated[str | None, typer.Option(help="Who is sks, ks, ...: indices like 0,1; default: all.")] = None,
    mean: Annotated[bool, typer.Option(help="Everybody at the basis mean: what is drawn of nobody.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures drawn at a time.")] = 8,
) -> None:
    """Draw pictures: samples, one grid a prompt, and settings.json.

    Examples:

      python -m ldm generate --run logs/RUN --prompt "a photo of sks and ks" --n 16

      python -m ldm generate --sd weights/embedded --prompt "a photo of a smiling woman"
    """
    from ldm.commands.drawing import draw

    samples, folder = draw(
        run=run,
        sd=sd,
        prompts=prompt or [],
        prompts_file=prompts,
        out=out,
        num_samples=n,
        seed=seed,
        num_inference_steps=steps,
        guidance_scale=guidance,
        sampler=sampler,
        negative_prompt=negative,
        step=step,
        people=parse_people(people),
        mean=mean,
        batch_size=batch_size,
    )
    print(f"{len(samples)} pictures in {folder}")


def parse_people(text: str | None) -> list[int] | None:
    """``"0,1"`` as [0, 1].

    Raises:
        ValueError: it is not a list of numbers.
    """
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--people {text!r}: write indices of people with commas between, like 0,1") from None
