"""Draw pictures of the people that a run has learned."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    run: Annotated[
        Path | None, typer.Option(help="The run: its folder or its name in logs/; without it the plain model.")
    ] = None,
    sd: Annotated[Path | None, typer.Option(help="Weights; default: those that the run was trained on.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="What to draw; may be given several times.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="File with one prompt a line.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder, added to; default: outputs/RUN.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture of each prompt.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, dpm++, euler, pndm, ddpm; default: the model's.")] = None,
    negative: Annotated[str, typer.Option(help="What shall not be seen.")] = "",
    step: Annotated[str, typer.Option(help="Training steps, counted from 0: one, several like 199,399, or last.")] = (
        "last"
    ),
    people: Annotated[
        list[str] | None,
        typer.Option(
            help="Who is sks, ks, ...: places in the order of training like 0,1; a negative one is the first again. "
            "May be given several times; default: all."
        ),
    ] = None,
    photo: Annotated[
        list[Path] | None,
        typer.Option(
            help="A photo of sks, then one of ks, ...: people whom the run has not learned; of a run with test_mode "
            "image or all. May be given several times."
        ),
    ] = None,
    mean: Annotated[bool, typer.Option("--mean", help="Everybody at the basis mean: what is drawn of nobody.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures drawn at a time.")] = 8,
) -> None:
    """Draw pictures: samples, one grid a prompt, and settings.json.

    Examples:

      python -m ldm generate --run logs/RUN --prompt "a photo of sks and ks" --n 16

      python -m ldm generate --run RUN --prompts PROMPTS.txt --step 199,last --people 0,1 --people 1,0

      python -m ldm generate --run RUN --prompt "a photo of sks" --photo SOMEBODY.jpg

      python -m ldm generate --sd weights/embedded --prompt "a photo of a smiling woman"
    """
    from ldm.commands.drawing import Wanted, draw
    from ldm.runs.draw import read_prompts

    wanted = Wanted(
        run=run,
        sd=sd,
        steps=parse_steps(step),
        people=[parse_people(chosen) for chosen in people or ()],
        mean=mean,
        photos=photo or (),
        num_samples=n,
        seed=seed,
        num_inference_steps=steps,
        guidance_scale=guidance,
        sampler=sampler,
        negative_prompt=negative,
        batch_size=batch_size,
    )
    samples, folder = draw(wanted, [*(prompt or ()), *(read_prompts(prompts) if prompts else ())], out)
    print(f"{len(samples)} picture{'' if len(samples) == 1 else 's'} in {folder}")


def parse_people(text: str) -> list[int]:
    """``"0,1"`` as [0, 1], ``"3,-1"`` as [3, 3].

    Raises:
        ValueError: it is not a list of numbers, or begins with a negative one.
    """
    try:
        chosen = [int(part) for part in text.split(",")]
    except ValueError:
        chosen = [-1]
    if chosen[0] < 0:
        raise ValueError(f"--people {text!r}: write places of people with commas between, from 0, like 0,1")
    return [chosen[0] if person < 0 else person for person in chosen]


def parse_steps(text: str) -> list[int | None]:
    """``"199,last"`` as [199, None].

    Raises:
        ValueError: it is neither a list of numbers nor "last".
    """
    try:
        return [None if part.strip() == "last" else int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--step {text!r}: write training steps with commas between, like 199,399, or last") from None
