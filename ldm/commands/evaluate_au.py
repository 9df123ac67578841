"""`python -m ldm evaluate au`: do faces do what they are asked to?"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ldm.commands.steps import Step, parse_step


def au(
    landmarker: Annotated[Path, typer.Option(help="MediaPipe's face_landmarker.task.")],
    thresholds: Annotated[Path, typer.Option(help="OUT.thresholds.json, which `label au` wrote beside its table.")],
    run: Annotated[Path | None, typer.Option(help="The run: its folder or its name in logs/.")] = None,
    sd: Annotated[Path | None, typer.Option(help="Weights; without a run the plain model.")] = None,
    step: Step = "last",
    celeba: Annotated[
        Path | None, typer.Option(help="CelebA's folder: AU12 and AU25 by classifiers that know people's labels only.")
    ] = None,
    real: Annotated[
        Path | None, typer.Option(help="Labelled photos of people kept out (`prepare au`): ceiling, and as real faces.")
    ] = None,
    max_real: Annotated[int, typer.Option(min=2, help="At most so many of them.")] = 300,
    judge: Annotated[
        str | None, typer.Option(help="Identity along the sweep, by a net that took no part: NET.onnx:imagenet, dlib.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Other photos of those in the prompts: sub-folders called like them.")
    ] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="Whom to draw; a prompt a person. A face.")] = None,
    embedding: Annotated[list[Path] | None, typer.Option(help="A person as textual inversion; once each.")] = None,
    units: Annotated[str, typer.Option(help="Which, as 12,25; all that can be told and measured if not given.")] = "",
    levels: Annotated[str, typer.Option(help="Of a sweep, as 0,3,5; 0 to 5, in words without degrees 0,3.")] = "",
    words: Annotated[
        Literal["sentence", "phrase", "code", "index"], typer.Option(help="How prompts say it: as the captions did.")
    ] = "sentence",
    others: Annotated[
        Literal["untold", "absent"], typer.Option(help="What a vector says of units that a sweep does not ask for.")
    ] = "untold",
    au_guidance: Annotated[
        float | None, typer.Option(min=0, help="Strength of the vector, beside the prompt's.")
    ] = None,
    au_prompt: Annotated[
        str | None, typer.Option(help='Whose movement people take, as "a photo of a face"; default: their own.')
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="A control: the model is told nothing of it.")] = False,
    n: Annotated[int, typer.Option(min=1, help="Noises of each prompt, unit and level.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="The first noise.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where it goes; what is there is kept. outputs/evaluation/RUN-au.")
    ] = None,
) -> None:
    """Measured action units against those asked for: agreement, response to a rising dose, leak, identity kept.

    Every unit is drawn at every level from the same noise, and with --real together as on real faces. Blendshapes read
    all units (they also made the labels, which is said); with --celeba, classifiers trained on people's labels of other
    people read AU12 and AU25, and gates are judged. Stopped, it goes on where it was. Writes report.html, report.json,
    CSV files and plots.

    Examples:

      python -m ldm evaluate au --run logs/AU_RUN --landmarker face_landmarker.task --thresholds labels.thresholds.json
      --real data/au_test --celeba CELEBA --judge NET.onnx:imagenet

      python -m ldm evaluate au --sd weights/embedded --landmarker face_landmarker.task --thresholds
      labels.thresholds.json --words sentence --units 12,25 --n 16
    """
    from evaluation.studies.action_units.run import Request, evaluate, name_of
    from ldm.commands.evaluate_people import print_report
    from ldm.commands.generate_options import AddOns, How, Who
    from ldm.data.action_units.facs import parse_asked

    if run is None and sd is None:
        raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the plain model")
    if photos is not None and judge is None:
        raise ValueError("--photos are compared with by a judge of identity: give --judge NET.onnx:imagenet")
    parse_step(step)  # one step alone
    who = Who(run, sd, step=step)
    request = Request(
        who=who,
        landmarker=landmarker,
        thresholds=thresholds,
        out=out or Path("outputs/evaluation") / f"{name_of(who)}-au",
        add_ons=AddOns(embedding=embedding or []),
        how=How(n, seed, steps, guidance, batch_size=16),
        prompts=prompt or ("a photo of a face",),
        units=[one.unit for one in parse_asked(units)] if units else (),
        levels=parse_levels(levels) if levels else (),
        words=words,
        others=others,
        au_guidance=au_guidance,
        au_prompt=au_prompt,
        blind=blind,
        real=real,
        max_real=max_real,
        celeba=celeba,
        judge=judge,
        photos=photos,
    )
    made, page = evaluate(request)
    print_report(made, page)


def parse_levels(text: str) -> list[float]:
    """``"0,3,5"`` as numbers.

    Raises:
        ValueError: it is none.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--levels {text!r}: write intensities with commas between, like 0,3,5") from None
