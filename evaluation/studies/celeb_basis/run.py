"""``python -m ldm study celeb_basis``: from the photos to the page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.attributes import AttributeJudge
from evaluation.identity import Judge, require_held_out
from evaluation.judges import load_judge, strangers_percentile
from evaluation.scripts import ROOT
from evaluation.studies.attribute_judge import HAIR, attribute_judge
from evaluation.studies.celeb_basis import people as choice
from evaluation.studies.celeb_basis import report, section
from evaluation.studies.celeb_basis.arms import CONFIGS, OURS_ARM, PUBLISHED_ARM, Arm, all_arms, choose_arms
from evaluation.studies.celeb_basis.cells import ASKED, SEED, Cells
from evaluation.studies.celeb_basis.learn import SEED as TRAINING_SEED
from evaluation.studies.celeb_basis.learn import Learner
from evaluation.studies.celeb_basis.looks import Looker
from evaluation.studies.celeb_basis.pairs import score_pairs
from evaluation.studies.celeb_basis.results import MEASURES, Appearance, ArmResult, Known, curve_of, shortest
from evaluation.studies.celeb_basis.study import Plan, drawer_of, fill
from evaluation.studies.document import typed, without_folders
from evaluation.studies.made_of import attributes_by, digest, judged_by
from evaluation.studies.names import mean_vector
from evaluation.subjects import Subject
from ldm.data.manifest import read_people
from ldm.faces.photos import read_photo
from ldm.files import write_json
from ldm.runs.claim import claim
from ldm.runs.train import quiet

PAIR_PICTURES = 4
"""Of each pair in each order."""


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes:
        photos: LFW: one folder a person.
        judge: who scores; did not condition.
        celeba: with human labels of attributes.
        sd: the weights.
        num_people: how many people.
        arms: keys; None is all.
        differences: arms more: ours with other values.
        tuning: people who are never in the study.
        out: where cells go.
        document: write the page too.
    """

    photos: Path
    judge: str
    celeba: Path
    sd: Path
    num_people: int
    arms: Sequence[str] | None
    differences: Sequence[str]
    tuning: bool
    out: Path
    document: bool


def run(request: Request, plan: Plan) -> None:
    """Learn, draw and score what is not done yet, and write what came out.

    Raises:
        ValueError: there is no such arm, there are not enough people, the judge conditioned, or ``out`` holds cells
            made with other settings, or what another judge of the same name, or of attributes, said of them.
    """
    quiet()
    arms, judge = choose_arms(request.arms, request.differences), load_judge(request.judge)
    strangers_percentile(judge)
    subjects = choice.choose_subjects(request.photos, request.num_people, request.tuning)
    out = request.out if Path.cwd() == ROOT else request.out.absolute()
    made_of = {"weights": digest(request.sd), "configs": digest(CONFIGS, ("aigc_id.yaml", "celeb_basis.yaml"))}
    claim(out, {"sd": request.sd.as_posix(), "tuning": request.tuning, "seed": SEED, **made_of, **asdict(plan)})
    sees = attribute_judge(request.celeba)
    said_by = {"judge": judged_by(request.judge), "attributes": attributes_by(request.celeba)}
    claim(out, said_by, f"{judge.name}.json")  # cells may be shown to several judges
    manifest = choice.align(subjects, out)
    records = read_people(manifest)
    encoders = {record.encoder for record in records}
    require_held_out([judge], encoders)
    learner = Learner(request.sd, manifest, sorted({record.person for record in records}))
    drawer = drawer_of(learner, plan)
    cells, names = Cells(out / "cells"), [subject.name for subject in subjects]
    fill(cells, arms, names, learner, drawer, plan)
    looker = Looker(cells, judge, sees)
    known = known_people(subjects, judge, sees, learner.model.sample_size_px)
    results = {}
    for arm in arms:
        own = names[: arm.people]
        looks = [looker.look(arm.key, who) for who in own]
        results[arm.key] = ArmResult([cells.read(arm.key, who) for who in own], looks, known, arm.title)
    paired = [arm for arm in arms if shows_pairs(arm, results)]
    pairs = {arm.key: score_pairs(looker, arm, names[: arm.people], drawer, known, PAIR_PICTURES) for arm in paired}
    print(report.table(results))
    write_json(out / "results.json", numbers(results))
    if request.document:
        facts = facts_of(request, plan, known, learner, (judge, sees), encoders)
        write = section.write if request.arms else report.write
        print(f"wrote {write(results, pairs, cells, facts).relative_to(ROOT)}")


def shows_pairs(arm: Arm, results: Mapping[str, ArmResult]) -> bool:
    """Whether two people are drawn together: as published, ours, ours with the shortest schedule, and differences."""
    curve = curve_of(results)
    chosen = f"steps-{shortest(curve)}" if len(curve) > 1 else ""
    return arm in (PUBLISHED_ARM, OURS_ARM) or arm.key == chosen or arm.key not in all_arms()


def command_of(request: Request, plan: Plan) -> str:
    """The command that gives the same numbers."""
    options: dict[str, object] = {
        "people": request.num_people,
        "per-run": plan.people_per_run,
        "steps": plan.steps,
        "each": plan.each,
    }
    options |= {"asked": plan.asked, "drawing-steps": plan.drawing_steps}
    given = typed({**options, "arms": list(request.arms or ()), "difference": list(request.differences)})
    given += ["--tuning"] if request.tuning else []
    judge = without_folders(request.judge)
    return " ".join([f"python -m ldm study celeb_basis --photos LFW --judge {judge}", *given])


def known_people(subjects: Sequence[Subject], judge: Judge, sees: AttributeJudge, side_px: int) -> Known:
    """Everybody by their other photos: whom they look like to the judge, and what everybody sees."""
    references = {subject.name: mean_vector(judge, subject.others) for subject in subjects}
    photos = {subject.name: [read_photo(path) for path in subject.others] for subject in subjects}
    seen = {name: appearance(sees(own)) for name, own in photos.items()}
    return Known(references, seen, strangers_percentile(judge, side_px))


def appearance(said: Mapping[str, Any]) -> Appearance:
    """Of one person, by the mean over photos of how likely each attribute is."""
    mean = {name: float(np.nanmean(own)) for name, own in said.items()}
    return Appearance(mean["Male"] > 0.5, max(HAIR, key=lambda name: mean[name]), mean["Eyeglasses"] > 0.5)


def numbers(results: Mapping[str, ArmResult]) -> dict[str, Any]:
    """The means of every arm, as JSON takes them."""
    return {key: {measure: asdict(result.interval(measure)) for measure in MEASURES} for key, result in results.items()}


def facts_of(
    request: Request,
    plan: Plan,
    known: Known,
    learner: Learner,
    judges: tuple[Judge, AttributeJudge],
    encoders: set[str],
) -> dict[str, Any]:
    """What the page says beside the numbers."""
    judge, sees = judges
    seen = [name for name, _ in ASKED.values()]
    steps = learner.steps_of(OURS_ARM) if plan.steps is None else plan.steps
    men = known.men
    return {
        "command": command_of(request, plan),
        "sd": request.sd.as_posix(),
        "people": request.num_people,
        "judge": judge.name,
        "encoder": ", ".join(sorted(encoders)),
        "seeds": f"{choice.SEED} for people, axes and pictures, {TRAINING_SEED} for training",
        "schedule": f"{plan.people_per_run} people a run, {steps} steps of 8; the published settings with 2 people a "
        "run, 800 steps of 2; free vectors one person a run, each seen as often as in ours.",
        "drawing_steps": plan.drawing_steps,
        "each": plan.each,
        "sex": f"{men} men and {len(known.references) - men} women, by `{sees.source('Male')}` on the other photos "
        f"(balanced accuracy {sees.accuracy['Male']:.3f} on CelebA)",
        "accuracy": ", ".join(f"{name} {sees.accuracy[name]:.2f}" for name in seen),
        "all": learner.names.num_components,
    }
