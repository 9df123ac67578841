"""The main job on two real people: one photo in, that person out. ``python -m evaluation.demo``, or ``make demo``.

Runs the four numbered scripts on photographs of Eileen Collins and Grace Hopper (both public domain and inside
installed packages), scores what comes out and writes ``outputs/demo/index.html`` and ``outputs/demo/report.json``. It
reports; a low score is no failure. Run again, it writes its files anew and adds a run; nothing is wiped.
"""

import json
import logging
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.curve import draw_curves, read_scalars
from evaluation.demo_page import write_demo_page
from evaluation.demo_scores import (
    Demo,
    PairResult,
    Person,
    PersonResult,
    reference_vectors,
    report,
    score_pairs,
    score_person,
)
from evaluation.identity import Judge
from evaluation.judges import load_judge, strangers_percentile
from evaluation.samples import SETTINGS, Sample
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from ldm.data.manifest import group_people, read_people
from ldm.files import write_json

logger = logging.getLogger("evaluation.demo")

PLACEHOLDERS = ("sks", "ks")
ALONE = ("a photo of {}", "a photo of {}, smiling")
TOGETHER = ("a photo of sks and ks", "a photo of ks and sks")
"""Both orders, so that a model which always puts the same person at the left is right half of the time."""
LOG_OFTEN = "lightning.trainer.log_every_n_steps=5"
"""The training curve is drawn from what was logged."""
STAMP = ".setup-done"
"""Written by `make setup` into the environment's folder: how many seconds it took."""


def demo(
    out: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("outputs/demo"),
    sd: Annotated[Path, typer.Option(help="The weights.")] = Path("weights/embedded"),
    config: Annotated[Path, typer.Option(help="The method.")] = Path("configs/stable-diffusion/celeb_basis.yaml"),
    judge: Annotated[str, typer.Option(help="Who scores: auto, yunet-sface, a pack, or FILE.onnx:imagenet.")] = "auto",
    pictures: Annotated[int, typer.Option(min=2, help="Pictures a person, over all prompts.")] = 16,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Go on to main.py.")] = None,
) -> None:
    """Learn two people from one photo each, draw them, score them, show it all on one page."""
    looking = load_judge(judge)
    strangers_percentile(looking)  # a judge without constants is refused now, not after the training
    out = out if Path.cwd() == ROOT else out.absolute()  # the scripts run in the checkout
    stages = Stages(out / "logs", ROOT)
    stages.seconds["setup"] = setup_seconds()
    write_photos(out / "photos")
    scripts = Scripts(stages, sd, config)
    manifest = scripts.align(out / "photos", out / "aligned")
    run = scripts.train(manifest, out / "runs", [LOG_OFTEN, *(overrides or ())])
    each, alone = pictures // len(ALONE), prompts_of(*PLACEHOLDERS)
    pictured = out / "pictures" / run.name
    drawn = scripts.generate(run, [*alone, *TOGETHER], each, pictured / "learned")
    before = scripts.generate(run, alone, each, pictured / "mean", "--mean")
    scripts.extract(run, out / "weights")
    encoders = {record.encoder for record in read_people(manifest)}
    conditioned = looking.encoder_name in encoders
    results, pair = score(looking, people_of(manifest), drawn, before)
    found = Demo(
        model=sd.as_posix(),
        judge=looking.name,
        judge_conditioned=conditioned,
        people=results,
        pair=pair,
        seconds=stages.seconds,
        peak_rss_mb=stages.peak_rss_mb,
        settings=settings_of(run, pictured, sorted(encoders), conditioned, results[0].identity.undetected),
        curve=training_curve(run),
    )
    write_json(out / "report.json", report(found, out))
    write_demo_page(out / "index.html", found)
    for result in found.people:
        logger.info(
            "%s: identity %.3f, at the basis mean %.3f, to the other's photo %.3f",
            result.person.title,
            result.identity.mean,
            result.identity_before.mean,
            result.identity_other.mean,
        )
    logger.info("%.0f s. Open %s", sum(stages.seconds.values()) - stages.seconds["setup"], out / "index.html")


def write_photos(folder: Path) -> None:
    """Write the two photographs into ``folder``."""
    from matplotlib import cbook
    from PIL import Image
    from skimage import data

    from ldm.files import atomic_path

    with atomic_path(folder / "eileen_collins.png") as temporary:
        Image.fromarray(data.astronaut()).save(temporary)
    with atomic_path(folder / "grace_hopper.jpg") as temporary:
        shutil.copyfile(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False), temporary)


def prompts_of(*placeholders: str) -> list[str]:
    """The prompts of one person each, for all ``placeholders``."""
    return [prompt.format(placeholder) for placeholder in placeholders for prompt in ALONE]


def setup_seconds() -> float:
    """How long `make setup` took, by its stamp or DEMO_SETUP_SECONDS; 0 where nobody knows."""
    stamp = Path(sys.prefix) / STAMP
    said = os.environ.get("DEMO_SETUP_SECONDS") or (stamp.read_text(encoding="utf-8") if stamp.is_file() else "")
    try:
        return float(said.strip() or 0)
    except ValueError:
        return 0.0


def people_of(manifest: Path) -> list[Person]:
    """The two people of ``manifest`` in the order in which training gave them their placeholders."""
    first = [records[0] for records in group_people(read_people(manifest)).values()]
    return [
        Person(placeholder, record.person.replace("_", " ").title(), record.source or record.path, record.path)
        for placeholder, record in zip(PLACEHOLDERS, first, strict=True)
    ]


def score(
    judge: Judge, people: Sequence[Person], drawn: Sequence[Sample], before: Sequence[Sample]
) -> tuple[list[PersonResult], PairResult]:
    """Look at every picture."""
    references = reference_vectors(judge, people)
    undetected = strangers_percentile(judge, min(drawn[0].open().size))
    results = []
    for person in people:
        prompts = prompts_of(person.placeholder)
        own = [sample for sample in drawn if sample.prompt in prompts]
        results.append(score_person(judge, person, references, own, before, undetected))
    both = [sample for sample in drawn if sample.prompt in TOGETHER]
    return results, score_pairs(judge, references, both, undetected)


def settings_of(
    run: Path, pictured: Path, encoders: list[str], judge_conditioned: bool, undetected: float
) -> dict[str, Any]:
    """What has to be known to read the numbers."""
    generated = json.loads((pictured / "learned" / SETTINGS).read_text(encoding="utf-8"))
    return {
        "run": run.as_posix(),
        "prompts": [*prompts_of(*PLACEHOLDERS), *TOGETHER],
        "conditioned_by": encoders,
        "judge_conditioned": judge_conditioned,
        "undetected_counts_as": undetected,
        "counts": "detected, two_faces and assigned count pictures among n",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "generate": generated.get("settings", {}),
    }


def training_curve(run: Path) -> bytes | None:
    """The run's loss, and the identity score where it was logged, as PNG."""
    scalars = sorted(read_scalars(run).items())
    panels = {
        "loss": [("train/loss", series) for tag, series in scalars if tag == "train/loss"],
        "identity while training": [
            (tag.removeprefix("val/identity/"), series) for tag, series in scalars if tag.startswith("val/identity/")
        ],
    }
    panels = {label: lines for label, lines in panels.items() if lines}
    return draw_curves(panels) if panels else None


if __name__ == "__main__":
    from ldm.commands import set_up_logging, short_errors

    set_up_logging()
    with short_errors():
        typer.run(demo)
