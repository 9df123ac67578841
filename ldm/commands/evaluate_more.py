"""What a run did to others, what it copies, and whom it serves worse: helpers of the group ``evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from ldm.commands.evaluate_people import (
    CelebA,
    Clip,
    Judges,
    judges_of,
    log_to_evaluated,
    log_to_run,
    panel_of,
    print_report,
)
from ldm.commands.steps import Step, parse_step

OUT = Path("outputs/evaluation")
CLASSES = Path("infer_images/prompts/classes.yaml")


def prior(
    run: Annotated[Path, typer.Option(help="The run's folder or its name in logs/.")],
    sd: Annotated[Path | None, typer.Option(help="The weights it began with, if they were moved.")] = None,
    given: Annotated[Path | None, typer.Option(help="What was trained on, if the run's photos were moved.")] = None,
    prompts: Annotated[Path, typer.Option(help="Prompts that mention nobody: YAML by class, or text.")] = CLASSES,
    judge: Judges = None,
    clip: Clip = None,
    celeba: CelebA = None,
    n: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture of each prompt.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    step: Step = "last",
    out: Annotated[Path | None, typer.Option(help="Where the report goes.")] = None,
    log: Annotated[bool, typer.Option(help="Enter it in the run's TensorBoard and W&B too.")] = True,
) -> None:
    """What a fine-tune did to everybody else: class drift and diversity before and after.

    Draws the class (a person, a man, a woman) from the same noise by the weights the run began with and by the run.

    Example:

      python -m ldm evaluate prior --run logs/RUN --judge NET.onnx:imagenet
    """
    from evaluation.identity import require_held_out
    from evaluation.prior import drift_of, report
    from evaluation.report import write_report
    from evaluation.subjects import Subject, reference_of
    from evaluation.task_prompts import read_task_prompts
    from ldm.commands.bars import bar
    from ldm.runs.evaluated import EvaluatedRun
    from ldm.runs.prior import class_pictures

    opened = EvaluatedRun.open(run, given)
    panel = panel_of(judge, clip, celeba, (), opened)
    require_held_out(panel.judges, opened.conditioned_by)
    looking = next(one for one in panel.judges if one.encoder_name not in opened.conditioned_by)
    people = [reference_of(looking, Subject(one.name, one.photos)) for one in opened.people]
    listed = read_task_prompts(prompts)
    wanted = {"num_samples": n, "seed": seed, **({} if steps is None else {"num_inference_steps": steps})}
    with bar("draw", 2 * n * len(listed)) as advance:
        pictures = class_pictures(opened, listed, wanted, parse_step(step), sd, advance)
    learned = [vector for one in people for vector in one.given]
    drifts = [drift_of(one, looking, learned, panel.distance, panel.prompts) for one in pictures]
    name = opened.folder.path.resolve().name
    made = report(name, pictures, drifts, looking.name, panel.distance.name)
    page = write_report(out or OUT / f"{name}-prior", made)
    if log:
        log_to_run(made, opened, parse_step(step), "prior")
    print_report(made, page)


def memorization(
    pictures: Annotated[Path, typer.Argument(help="Generated pictures: any folder.")],
    photos: Annotated[Path, typer.Argument(help="What was trained on: any folder.")],
    control: Annotated[Path | None, typer.Option(help="Photos of other people: how near strangers come.")] = None,
    judge: Annotated[str | None, typer.Option(help="A network that had no part in training.")] = None,
    run: Annotated[
        Path | None, typer.Option(help="The run that drew them: who had a part in it may not judge.")
    ] = None,
    step: Step = "last",
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = OUT / "memorization",
    log: Annotated[bool, typer.Option(help="With --run, enter it in the run's TensorBoard and W&B too.")] = True,
) -> None:
    """Are pictures copies: the nearest training picture of each, by a network that had no part in training.

    Example:

      python -m ldm evaluate memorization outputs/RUN/samples PHOTOS --control OTHER_PEOPLE --run RUN --judge dlib
    """
    from evaluation.identity import require_held_out
    from evaluation.judges import calibration, load_judge
    from evaluation.memorization import look_at, report
    from evaluation.report import write_report
    from ldm.faces.photos import list_photos
    from ldm.runs.evaluated import EvaluatedRun

    opened = None if run is None else EvaluatedRun.open(run)
    if opened is None:
        looking = load_judge(judge or "auto")
    else:
        here = judges_of([judge] if judge else None, opened.conditioned_by)
        require_held_out(here, opened.conditioned_by)
        looking = next(one for one in here if one.encoder_name not in opened.conditioned_by)
    threshold = calibration(looking).threshold
    seen = [look_at(looking, list_photos(folder)) for folder in (pictures, photos)]
    others = None if control is None else look_at(looking, list_photos(control))
    made = report(looking.name, threshold, seen[0], seen[1], others, held_out=opened is not None)
    page = write_report(out, made)
    if opened is not None and log:
        log_to_run(made, opened, parse_step(step), "memorization")
    print_report(made, page)


def groups(
    evaluation: Annotated[Path, typer.Argument(help="Folder that `evaluate personalization` wrote.")],
    labels: Annotated[Path, typer.Argument(help="CSV: person, and a column for each label.")],
    out: Annotated[Path | None, typer.Option(help="Where the report goes; default: FOLDER/groups.")] = None,
    log: Annotated[bool, typer.Option(help="Enter it in the run's TensorBoard and W&B too, if it is there.")] = True,
) -> None:
    """Are groups of people served alike: identity and detection by group, and the gap between best and worst.

    Example:

      python -m ldm evaluate groups outputs/evaluation/RUN LABELS.csv
    """
    from evaluation.compare import read_evaluation
    from evaluation.groups import read_labels, report
    from evaluation.report import write_report

    found = read_evaluation(evaluation)
    made = report(found, read_labels(labels), evaluation.resolve().name)
    page = write_report(out or evaluation / "groups", made)
    if log:
        log_to_evaluated(made, [found], "groups")
    print_report(made, page)
