"""Measure: what docs/measurements.md says is written by these."""

from pathlib import Path
from typing import Annotated

import typer

from ldm.commands import (
    study_action_units,
    study_best,
    study_controlnet,
    study_judges,
    study_methods,
    study_sd1,
    study_synthetic_gain,
)

app = typer.Typer(no_args_is_help=True, help="Measure: what docs/measurements.md says is written by these.")

Photos = Annotated[Path, typer.Option(help="LFW: one folder a person.")]
Judges = Annotated[list[str], typer.Option(help="yunet-sface, a pack, or FILE.onnx:imagenet; once a judge.")]
Weights = Annotated[Path, typer.Option(help="The weights.")]
Document = Annotated[bool, typer.Option(help="Write the section of docs/measurements.md too.")]

app.command("action_units")(study_action_units.action_units)
app.command("best_checkpoint")(study_best.best_checkpoint)
app.command()(study_controlnet.controlnet)
app.command()(study_judges.judges)
app.command("lora_rank")(study_methods.lora_rank)
app.command()(study_methods.methods)
app.command()(study_sd1.sd1)
app.command("synthetic_gain")(study_synthetic_gain.synthetic_gain)


@app.command()
def bench(
    sd: Weights = Path("weights/embedded"),
    steps: Annotated[int, typer.Option(min=2, help="Steps a repeat.")] = 20,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch; its own choice if not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where photos and the numbers go.")] = Path("outputs/studies/bench"),
    document: Document = True,
) -> None:
    """A training step, ours and the published settings, beside its floor."""
    from evaluation.studies.bench import run

    run(sd, steps, threads, out, document)


@app.command("bench-faces")
def bench_faces(
    sd: Weights = Path("weights/embedded"),
    steps: Annotated[int, typer.Option(min=2, help="Steps a repeat.")] = 8,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch; its own choice if not given.")] = None,
    out: Annotated[Path, typer.Option(help="Where pictures and numbers go.")] = Path("outputs/studies/bench_faces"),
    document: Document = True,
) -> None:
    """A step of the first stage, a step of the UNet from stored latents, and a picture."""
    from evaluation.studies.bench_faces import run

    run(sd, steps, threads, out, document)


@app.command("celeb_basis")
def celeb_basis(
    photos: Photos,
    judge: Annotated[str, typer.Option(help="FILE.onnx:imagenet or another net that took no part in learning.")],
    celeba: Annotated[
        Path | None, typer.Option(help="CelebA with its labels, for attributes and sex; beside PHOTOS if not given.")
    ] = None,
    people: Annotated[int, typer.Option(min=2, max=60, help="How many of the held-out people.")] = 20,
    arms: Annotated[list[str] | None, typer.Option(help="Only this arm; once an arm. All if not given.")] = None,
    difference: Annotated[
        list[str] | None, typer.Option(metavar="NAME:KEY=VALUE", help="An arm more: ours with other values.")
    ] = None,
    per_run: Annotated[int, typer.Option(min=2, help="People learned together.")] = 5,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of a run; the config's if not given.")] = None,
    each: Annotated[int, typer.Option(min=1, help="Pictures a person by the plain prompt.")] = 8,
    asked: Annotated[int, typer.Option(min=1, help="Pictures a person by every prompt that asks for something.")] = 1,
    drawing_steps: Annotated[int, typer.Option(min=1, help="Steps of the sampler.")] = 12,
    tuning: Annotated[bool, typer.Option("--tuning", help="Take people who are never in the study.")] = False,
    sd: Weights = Path("weights/embedded"),
    out: Annotated[Path, typer.Option(help="Where cells go; what is there is kept.")] = Path(
        "outputs/studies/celeb_basis"
    ),
    document: Annotated[
        bool, typer.Option(help="Write docs/studies/celeb_basis.md too; with --arms a section of docs/measurements.md.")
    ] = True,
) -> None:
    """Does the celeb basis earn its name? Unseen people in every arm that could explain it.

    Stopped, it goes on where it was. A quick look: --people 4 --steps 20 --each 2 --arms ours --arms random-16
    --no-document --out FOLDER.
    """
    from evaluation.studies.celeb_basis.run import Request, run
    from evaluation.studies.celeb_basis.study import Plan

    plan = Plan(per_run, steps, each, asked, drawing_steps)
    labelled = celeba or photos.parent / "celeba"
    run(Request(photos, judge, labelled, sd, people, arms or None, difference or (), tuning, out, document), plan)


@app.command()
def demo(
    report: Annotated[Path, typer.Argument(help="What `make demo` wrote.")] = Path("outputs/demo/report.json"),
) -> None:
    """What the demo found, as a section of docs/measurements.md."""
    from evaluation.studies.demo import run

    run(report)


@app.command()
def doctor(
    photos: Photos,
    num_people: Annotated[int, typer.Option(min=2, help="How many people to measure on, five photos each.")] = 104,
    times: Annotated[int, typer.Option(min=1, help="Photos a fault and severity.")] = 60,
    out: Annotated[Path, typer.Option(help="Where the numbers go.")] = Path("outputs/studies/doctor"),
    document: Document = True,
) -> None:
    """Planted faults that the doctor for photos finds, and its false alarms.

    Example: python -m ldm study doctor --photos LFW
    """
    from evaluation.studies.doctor import run

    run(photos, num_people, times, out, document)


@app.command("doctor-limits")
def doctor_limits(
    photos: Photos,
    num_people: Annotated[int, typer.Option(min=1, help="How many people are looked at as they are.")] = 400,
    planted: Annotated[int, typer.Option(min=1, help="Of how many people a photo gets each fault.")] = 100,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = Path("outputs/studies/doctor"),
) -> None:
    """On whom the doctor's limits were chosen: other people than those of `study doctor`."""
    from evaluation.studies.doctor_limits import run

    run(photos, num_people, planted, out)


@app.command()
def names(
    photos: Photos,
    judge: Judges,
    num_people: Annotated[int, typer.Option(min=2, help="How many people, those with the most pictures.")] = 30,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures of each.")] = 4,
    sd: Weights = Path("weights/embedded"),
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("outputs/studies/names"),
    document: Document = True,
) -> None:
    """Names the model knows: drawn by name, told apart by photos kept out of training."""
    from evaluation.studies.names import run

    run(photos, judge, num_people, pictures, sd, out, document)


@app.command()
def pairs(
    photos: Photos,
    judge: Judges,
    num_pairs: Annotated[int, typer.Option(min=2, help="How many pairs.")] = 30,
    pictures: Annotated[int, typer.Option(min=2, help="Pictures a pair, over both orders.")] = 16,
    sd: Weights = Path("weights/embedded"),
    config: Annotated[Path, typer.Option(help="The method.")] = Path("configs/stable-diffusion/celeb_basis.yaml"),
    out: Annotated[Path, typer.Option(help="Where runs and results go.")] = Path("outputs/studies/pairs"),
    document: Document = True,
) -> None:
    """Pairs of unseen people in one prompt: both faces found, each in their place."""
    from evaluation.studies.pairs import run

    run(photos, judge, num_pairs, pictures, sd, config, out, document)


@app.command()
def strangers(
    photos: Photos,
    judge: Judges,
    num_people: Annotated[int | None, typer.Option(min=20, help="At most so many people; all if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table; evaluation/strangers.json if not given.")] = None,
    document: Document = True,
) -> None:
    """Judges on photos of real people: strangers' percentiles and verification."""
    from evaluation.judges import STRANGERS
    from evaluation.studies.strangers import run

    run(photos, judge, num_people, out or STRANGERS, document)
