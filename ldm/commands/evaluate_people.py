"""Scores of people that a run has learned: helpers of the group ``evaluate``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldm.commands.steps import Step, parse_step

if TYPE_CHECKING:
    from evaluation.identity import Judge
    from evaluation.report import Report
    from evaluation.scores import PromptJudge
    from evaluation.summary import PictureDistance
    from ldm.runs.evaluated import EvaluatedRun
    from ldm.runs.load import Step as LoadedStep
    from ldm.runs.personalization import Panel

Judges = Annotated[
    list[str] | None,
    typer.Option(help="yunet-sface, dlib, glint360k, a pack, FILE.onnx:imagenet; once a judge; default: all here."),
]
Clip = Annotated[Path | None, typer.Option(help="A transformers folder of CLIP: scores prompts.")]
CelebA = Annotated[Path | None, typer.Option(help="CelebA's folder: where no CLIP is, scores what prompts ask for.")]
PROMPTS = Path("infer_images/prompts/personalization.yaml")


def personalization(
    run: Annotated[Path, typer.Option(help="The run's folder or its name in logs/.")],
    photos: Annotated[Path | None, typer.Option(help="Other photos: a folder a person, called as in the run.")] = None,
    given: Annotated[Path | None, typer.Option(help="What was trained on, if the run's photos were moved.")] = None,
    prompts: Annotated[Path, typer.Option(help="Prompts: YAML by task, or text with one a line.")] = PROMPTS,
    judge: Judges = None,
    clip: Clip = None,
    celeba: CelebA = None,
    network: Annotated[
        list[Path] | None, typer.Option(help="A transformers folder of CLIP or DINO, for CLIP-I.")
    ] = None,
    people: Annotated[str, typer.Option(help="Places in the order of training, like 0,1; default: all.")] = "",
    noun: Annotated[str, typer.Option(help="What people are called where sks stood.")] = "person",
    pictures: Annotated[Path | None, typer.Option(help="Score this folder of `generate` and draw nothing.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Pictures of each prompt and person.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture of each prompt.")] = 42,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    step: Step = "last",
    sd: Annotated[Path | None, typer.Option(help="Weights instead of the run's.")] = None,
    protocol: Annotated[str, typer.Option(help="ours, or legacy: CelebBasis's own protocol beside it.")] = "ours",
    out: Annotated[Path | None, typer.Option(help="Where it goes; default: outputs/evaluation/RUN.")] = None,
    log: Annotated[bool, typer.Option(help="Enter it in the run's TensorBoard and W&B too.")] = True,
) -> None:
    """Do pictures of a run show its people: identity, prompts, diversity, by judges that took no part.

    For every person, prompt and seed: identity to the photo the run was given and to other photos (how much is copied),
    whether there is a face, whether the prompt was obeyed. Prompts of two people are matched to both. Writes
    report.html, report.json and CSV files.

    Examples:

      python -m ldm evaluate personalization --run logs/RUN --photos MORE_PHOTOS --judge NET.onnx:imagenet

      python -m ldm evaluate personalization --run RUN --pictures outputs/RUN --protocol legacy --clip weights/clip
    """
    from evaluation.personalization import report
    from evaluation.report import write_report
    from evaluation.task_prompts import read_task_prompts
    from ldm.commands.bars import bar
    from ldm.commands.drawing_models import parse_people
    from ldm.files import require_writable
    from ldm.runs.evaluated import EvaluatedRun
    from ldm.runs.personalization import Plan, evaluate_run

    if protocol not in ("ours", "legacy"):
        raise ValueError(f"--protocol {protocol!r}: there are ours and legacy")
    opened = EvaluatedRun.open(run, given)
    panel = panel_of(judge, clip, celeba, network or (), opened)
    drawing = {"num_samples": n, "seed": seed, "num_inference_steps": steps, "guidance_scale": guidance}
    plan = Plan(
        prompts=read_task_prompts(prompts),
        people=parse_people(people) if people else (),
        others=photos,
        pictures=pictures,
        step=parse_step(step),
        sd=sd,
        noun=noun,
        drawing={key: value for key, value in drawing.items() if value is not None},
    )
    folder = out or Path("outputs/evaluation") / opened.folder.path.resolve().name
    require_writable(folder)
    found, asked = evaluate_run(opened, panel, plan, folder, bar)
    made = report(found)
    if protocol == "legacy":
        from ldm.runs.legacy_report import with_legacy

        made = with_legacy(made, panel, asked, opened)
    page = write_report(folder, made)
    if log:
        log_to_run(made, opened, parse_step(step))
    print_report(made, page)


def compare(
    first: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="Folder of another one.")],
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("outputs/evaluation/compared"),
    log: Annotated[
        bool, typer.Option(help="Enter it in both runs' TensorBoard and W&B too, if they are there.")
    ] = True,
) -> None:
    """Two evaluations, pair by pair of the same person, prompt and seed: which one is better, and how surely.

    Example:

      python -m ldm evaluate compare outputs/evaluation/RUN outputs/evaluation/OTHER_RUN
    """
    from evaluation.compare import compare as compared
    from evaluation.compare import read_evaluation
    from evaluation.report import write_report

    names, evaluations = (
        (first.resolve().name, second.resolve().name),
        (read_evaluation(first), read_evaluation(second)),
    )
    made = compared(*evaluations, names)
    page = write_report(out, made)
    if log:
        log_to_evaluated(made, evaluations, "compare")
    print_report(made, page)


def panel_of(
    judge: list[str] | None,
    clip: Path | None,
    celeba: Path | None,
    networks: "list[Path] | tuple[()]",
    run: "EvaluatedRun | None" = None,
) -> "Panel":
    """Who looks, as the options say.

    Raises:
        ValueError: no judge is here whose network had no part in training; says how to get one.
    """
    from evaluation.vision import PictureNetwork
    from ldm.runs.personalization import Panel

    return Panel(
        judges=judges_of(judge, run.conditioned_by if run else frozenset()),
        distance=distance_of(),
        prompts=prompt_judge_of(clip, celeba),
        networks=[PictureNetwork(folder) for folder in networks],
    )


def distance_of() -> "PictureDistance":
    """What says how different pictures look: the perceptual distance where its weight files are, else 1 - SSIM."""
    from evaluation.perceptual import PerceptualPairs
    from evaluation.summary import Ssim
    from ldm.modules import perceptual

    if not perceptual.is_installed():
        return Ssim()
    return PerceptualPairs(perceptual.PerceptualDistance("alex"), "st-lpips (alex)")


def judges_of(names: list[str] | None, conditioned_by: frozenset[str]) -> "list[Judge]":
    """The judges called ``names``, or all that are here.

    Raises:
        ValueError: none was named, and none that is here may judge alone.
    """
    from evaluation.judges import judges_here, load_judge

    judges = [load_judge(name) for name in names or judges_here()]
    if not names and all(judge.encoder_name in conditioned_by for judge in judges):
        raise ValueError(
            f"{', '.join(sorted(conditioned_by))} conditioned the run and may not judge it alone, and no other judge "
            "is here: pip install -e '.[judges]' brings dlib's, or give --judge with a pack's name or NET.onnx:imagenet"
        )
    return judges


def prompt_judge_of(clip: Path | None, celeba: Path | None) -> "PromptJudge | None":
    """CLIP if there is one, else attributes learned from CelebA, else nobody."""
    if clip is not None:
        from evaluation.vision import ClipJudge

        return ClipJudge(clip)
    if celeba is not None:
        from evaluation.obedience import ObedienceJudge
        from evaluation.studies.attribute_judge import attribute_judge

        return ObedienceJudge(attribute_judge(celeba))
    return None


def log_to_run(made: "Report", run: "EvaluatedRun", step: "LoadedStep", prefix: str = "evaluation") -> None:
    """Enter the report in the loggers of the run, what it holds under names that begin with ``prefix``."""
    from ldm.runs.load import step_of
    from ldm.runs.report_log import log_report, loggers_of

    log_report(loggers_of(run.folder), made, step_of(run.folder, step), prefix)


def log_to_evaluated(made: "Report", evaluations: Sequence[Mapping[str, Any]], prefix: str) -> None:
    """Enter the report in the loggers of the runs that were evaluated, as far as their folders are still there."""
    from ldm.runs.folder import RunFolder
    from ldm.runs.report_log import log_report, loggers_of

    steps = {one["settings"]["run"]: one["settings"]["step"] for one in evaluations if "run" in one.get("settings", {})}
    for run, step in steps.items():
        if any(Path(run).glob("configs/*-project.yaml")):
            log_report(loggers_of(RunFolder.open(Path(run))), made, step, prefix)


def print_report(made: "Report", page: Path) -> None:
    """The report in some lines: what must not be overlooked, the tables up to the judges', where the page is."""
    from evaluation.report import shown

    print(made.lead)
    for notice in made.notices:
        print(f"note: {notice}")
    tables = made.tables()
    for table in tables[: 1 + next((place for place, one in enumerate(tables) if one.title == "Judges"), 0)]:
        for row in table.rows:
            pairs = zip(table.columns[1:], row[1:], strict=True)
            print(f"{row[0]}: " + ", ".join(f"{name} {shown(cell)}" for name, cell in pairs if cell is not None))
    print(f"open {page}")
