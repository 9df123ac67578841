"""`python -m ldm study action_units`: label, train, draw and measure, from photos to a page."""

from pathlib import Path
from typing import Annotated

import typer


def action_units(
    celeba: Annotated[Path, typer.Option(help="CelebA with people's labels.")],
    lfw: Annotated[Path, typer.Option(help="LFW: one folder a person.")],
    landmarker: Annotated[Path, typer.Option(help="MediaPipe's face_landmarker.task.")],
    judge: Annotated[str, typer.Option(help="Of identity: FILE.onnx:imagenet, dlib; took no part in learning.")],
    sd: Annotated[Path, typer.Option(help="The weights.")] = Path("weights/embedded"),
    with_lfw: Annotated[bool, typer.Option(help="Label LFW and train on it too.")] = True,
    vector_steps: Annotated[int, typer.Option(min=1, help="Of the training with a vector.")] = 3000,
    style_steps: Annotated[int, typer.Option(min=1, help="Of the training with captions.")] = 2000,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures a step, of both.")] = 16,
    noises: Annotated[int, typer.Option(min=2, help="Pictures of each unit and level.")] = 24,
    real: Annotated[int, typer.Option(min=2, help="Labelled faces of people kept out, for ceilings too.")] = 300,
    drawing_steps: Annotated[int, typer.Option(min=1, help="Of the sampler.")] = 25,
    au_guidance: Annotated[float | None, typer.Option(min=0, help="Of the vector; default: the prompt's.")] = None,
    units: Annotated[str, typer.Option(help="That are measured, as 4,12,25 (with 12 and 25); all.")] = "",
    people: Annotated[int, typer.Option(min=2, max=60, help="Unseen people who are given expressions.")] = 20,
    per_run: Annotated[int, typer.Option(min=2, help="Of them learned together.")] = 5,
    person_steps: Annotated[int | None, typer.Option(min=1, help="Of such a run; the config's if not given.")] = None,
    person_noises: Annotated[int, typer.Option(min=1, help="Pictures of each person, unit and level.")] = 4,
    person_au_guidance: Annotated[
        list[float] | None, typer.Option(min=0, help="Of the vector, for people; once a weight. --au-guidance.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where everything goes; what is there is not done again.")] = Path(
        "outputs/studies/action_units"
    ),
    document: Annotated[bool, typer.Option(help="Write docs/studies/action_units.md too.")] = True,
) -> None:
    """Do faces do what they are asked to? Label, train with captions and with a vector, draw, measure, write the page.

    AU12 and AU25 are judged by classifiers that know people's labels only; unseen people are drawn with expressions.
    Stopped, it goes on where it was.

    Example of a quick look: python -m ldm study action_units --celeba CELEBA --lfw LFW --landmarker
    face_landmarker.task --judge NET.onnx:imagenet --no-with-lfw --vector-steps 100 --style-steps 50 --noises 4
    --units 12,25 --people 4 --person-steps 40 --drawing-steps 10 --no-document --out FOLDER
    """
    from evaluation.studies.action_units.plan import Order, Plan
    from evaluation.studies.action_units.study import run
    from ldm.data.action_units.facs import parse_asked

    wanted = [one.unit for one in parse_asked(units)] if units else []
    plan = Plan(
        vector_steps, style_steps, batch_size, noises, real, drawing_steps, au_guidance, wanted, people, per_run,
        person_steps, person_noises, person_au_guidance or (),
    )  # fmt: skip
    run(Order(celeba, lfw, landmarker, judge, sd, out, document, with_lfw), plan)
