"""`python -m ldm study synthetic_gain`: do drawn faces make a better recogniser of action units?"""

from pathlib import Path
from typing import Annotated, Literal

import typer


def synthetic_gain(
    train: Annotated[Path, typer.Option(help="Labelled faces to learn from (`prepare au`).")],
    test: Annotated[Path, typer.Option(help="Labelled faces of people who are in no training (`prepare au`).")],
    run: Annotated[Path | None, typer.Option(help="The generator: a run's folder or its name in logs/.")] = None,
    sd: Annotated[Path | None, typer.Option(help="Weights, where there is no run.")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Plain CSV of people's labels, which go before measured ones.")
    ] = None,
    units: Annotated[str, typer.Option(help="Which, as 12,25; all that both folders have if not given.")] = "",
    real: Annotated[int, typer.Option(min=2, help="Real faces to learn from.")] = 500,
    synthetic: Annotated[int, typer.Option(min=2, help="Drawn faces.")] = 500,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 64 faces, the same in every arm.")] = 400,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the network: 23, 24, ...; a verdict takes three.")] = 3,
    prompt: Annotated[list[str] | None, typer.Option(help="What is drawn, in turn. A photo of a face.")] = None,
    words: Annotated[
        Literal["sentence", "phrase", "code", "index"], typer.Option(help="How prompts say it: as the captions did.")
    ] = "sentence",
    drawing_steps: Annotated[int | None, typer.Option(min=1, help="Of the sampler; default: the model's.")] = None,
    out: Annotated[Path, typer.Option(help="Where cells go; what is there is kept.")] = Path(
        "outputs/studies/synthetic_gain"
    ),
    document: Annotated[bool, typer.Option(help="Write the section of docs/studies/action_units.md too.")] = True,
) -> None:
    """Real, synthetic, and both: the same recogniser for the same steps, tested on real people whom nobody trained on.

    Beside them two controls: every real picture twice, and real pictures varied. F1 and AUC of every unit, differences
    over test people, and a verdict that follows from the intervals. Stopped, it goes on where it was.

    Example: python -m ldm study synthetic_gain --run logs/AU_RUN --train data/au_train --test data/au_test --real 300
    """
    from evaluation.studies.synthetic_gain.study import Request
    from evaluation.studies.synthetic_gain.study import run as study
    from ldm.commands.generate_options import Who
    from ldm.data.action_units.facs import parse_asked

    if run is None and sd is None:
        raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the plain model")
    study(
        Request(
            who=Who(run, sd),
            train=train,
            test=test,
            out=out,
            truth=truth,
            units=[one.unit for one in parse_asked(units)] if units else (),
            num_real=real,
            num_synthetic=synthetic,
            steps=steps,
            seeds=range(23, 23 + seeds),
            prompts=prompt or ("a photo of a face",),
            words=words,
            drawing_steps=drawing_steps,
            document=document,
        )
    )
