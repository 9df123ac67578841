"""From a run to the report on its people: draw, look at every picture, put the numbers together."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluation.identity import Judge, require_held_out
from evaluation.judges import calibration, share_detectors
from evaluation.personalization import Evaluation
from evaluation.samples import read_samples
from evaluation.scores import Asked, PromptJudge, Score, score_pictures
from evaluation.subjects import Reference, Subject, other_photos, reference_of
from evaluation.summary import PictureDistance, Standard, diversity
from evaluation.task_prompts import TaskPrompt, named_in, with_placeholders
from evaluation.vision import PictureNetwork
from ldm.faces.photos import PhotoError, read_photo
from ldm.runs.evaluated import EvaluatedRun, asked_of, draw_people, drawings
from ldm.runs.load import Step, step_of

logger = logging.getLogger(__name__)

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Panel:
    """Who looks at the pictures.

    Attributes:
        judges: of identity; at least one whose network had no part in training.
        prompts: says whether prompts were obeyed, or nobody.
        distance: how different pictures look.
        networks: CLIP-I or DINO.
    """

    judges: Sequence[Judge]
    distance: PictureDistance
    prompts: PromptJudge | None = None
    networks: Sequence[PictureNetwork] = ()


@dataclass(frozen=True)
class Plan:
    """What is drawn and how.

    Attributes:
        prompts: with sks and ks, or the run's own placeholders.
        people: by place in the order of training; empty for all.
        others: folder with other photos of the people, or None.
        pictures: a folder that `generate` made, scored as it is instead of drawing; or None.
        step: of the run; the last one if None.
        sd: weights instead of the run's.
        noun: what people are called for the prompt judge.
        drawing: fields of ``DrawSettings`` that differ from the model's own.
    """

    prompts: Sequence[TaskPrompt]
    people: Sequence[int] = ()
    others: Path | None = None
    pictures: Path | None = None
    step: Step = None
    sd: Path | None = None
    noun: str = "person"
    drawing: Mapping[str, Any] = field(default_factory=dict)


def evaluate_run(run: EvaluatedRun, panel: Panel, plan: Plan, out: Path, bar: Bar) -> tuple[Evaluation, list[Asked]]:
    """Everything that is found about ``run``, and the pictures it was found in.

    Raises:
        ValueError: every judge's network had a part in training; a prompt names nobody; a photo shows no face.
        LookupError: a judge has no measured constants, or a person does not exist.
    """
    require_held_out(panel.judges, run.conditioned_by)
    for judge in panel.judges:
        calibration(judge)  # one without constants is refused now, not after an hour of drawing
    share_detectors(panel.judges)
    plan, notices = _fitting(plan, run)
    subjects = subjects_of(run, plan.people, plan.others)
    references = {judge.name: {s.name: reference_of(judge, s) for s in subjects} for judge in panel.judges}
    pictures = plan.pictures or out / "pictures"
    drawn = None
    if plan.pictures is None:
        total = sum(len(texts) for _, texts in drawings(run, plan.people, plan.prompts))
        with bar("draw", total * plan.drawing.get("num_samples", 8)) as advance:
            drawn = draw_people(run, plan.people, plan.prompts, plan.drawing, pictures, plan.step, plan.sd, advance)
    wanted = {subject.name for subject in subjects}
    asked = [one for one in asked_of(pictures, run, plan.prompts, plan.noun) if wanted.issuperset(one.people)]
    if drawn is not None:  # the folder keeps what an earlier evaluation drew by another step, seed or prompt
        asked = [one for one in asked if one.file in drawn]
    else:
        notices += _several_steps(pictures)
    asked, unreadable = _readable(asked)
    started = time.perf_counter()
    with bar("judge", len(asked)) as advance:
        scores = score_pictures(asked, read_photo, panel.judges, references, panel.prompts, advance)
    speed = len(asked) / (time.perf_counter() - started)
    side_px = min(min(read_photo(one.file).size) for one in asked)
    standards = {judge.name: _standard(judge, side_px, references[judge.name]) for judge in panel.judges}
    found = Evaluation(
        name=run.folder.path.resolve().name,
        scores=scores,
        standards=standards,
        conditioned_by=run.conditioned_by,
        encoders={judge.name: judge.encoder_name for judge in panel.judges},
        prompt_judge=panel.prompts.name if panel.prompts else None,
        distance=panel.distance.name,
        more=_similarities(panel.networks, asked, subjects),
        notices=[*notices, *unreadable],
        settings={**_settings(run, panel, plan, side_px), "pictures judged a second": round(speed, 2)},
    )
    return replace(found, diversity=_diversity(found, asked, panel.distance)), asked


def _fitting(plan: Plan, run: EvaluatedRun) -> tuple[Plan, list[str]]:
    """``plan`` with the run's words and all of its people if none were named; and what cannot be drawn.

    Raises:
        LookupError: a person does not exist.
        ValueError: no prompt names anybody.
    """
    people = list(plan.people) or list(range(len(run.people)))
    if wrong := [person for person in people if not 0 <= person < len(run.people)]:
        names = ", ".join(one.name for one in run.people[:10])
        raise LookupError(f"person {wrong[0]} is not in this run; it has 0 to {len(run.people) - 1}: {names}")
    prompts = with_placeholders(plan.prompts, run.placeholders)
    named = [(prompt, len(named_in(prompt.text, run.placeholders))) for prompt in prompts]
    possible = [prompt for prompt, count in named if 0 < count <= min(2, len(people))]
    if not possible:
        raise ValueError(
            f"none of {len(prompts)} prompts names a person of this run: write {' or '.join(run.placeholders[:2])} "
            "into them, as in 'a photo of sks'"
        )
    said = []
    if nobody := [prompt.text for prompt, count in named if not count]:
        said.append(f"{len(nobody)} prompts name nobody and are left out, first {nobody[0]!r}.")
    if many := [prompt.text for prompt, count in named if count > min(2, len(people))]:
        said.append(f"{len(many)} prompts of several people are left out: one person is evaluated, or they name three.")
    return replace(plan, prompts=possible, people=people), said


def subjects_of(run: EvaluatedRun, people: Sequence[int], others: Path | None) -> list[Subject]:
    """The people with the photos the run was given of them, and other ones."""
    learned = [run.people[person] for person in people]
    known = {one.name: (*one.photos, *one.sources) for one in learned}
    more = other_photos(others, known) if others else {}
    return [Subject(one.name, one.photos, more.get(one.name, ())) for one in learned]


def _several_steps(pictures: Path) -> list[str]:
    """What is said where a folder that is scored as it is holds pictures of more than one step."""
    steps = sorted({sample.step for sample in read_samples(pictures) if sample.step is not None})
    known = ", ".join(map(str, steps))
    return [f"The pictures are of steps {known}, and are scored together."] if len(steps) > 1 else []


def _readable(asked: Sequence[Asked]) -> tuple[list[Asked], list[str]]:
    """The pictures that can be read, and what is said of the others.

    Raises:
        ValueError: none can be read.
    """
    good, bad = [], []
    for one in asked:
        try:
            read_photo(one.file)
            good.append(one)
        except PhotoError as error:
            bad.append(str(error))
    if not good:
        raise ValueError(f"none of {len(asked)} pictures can be scored" + (f", first {bad[0]}" if bad else ""))
    return good, [f"{len(bad)} pictures cannot be read and are left out, first: {bad[0]}"] if bad else []


def _standard(judge: Judge, side_px: int, references: Mapping[str, Reference]) -> Standard:
    ceilings = {name: reference.ceiling for name, reference in references.items()}
    return Standard(
        calibration(judge, side_px), ceilings, {name: reference.nearest for name, reference in references.items()}
    )


def _diversity(
    found: Evaluation, asked: Sequence[Asked], distance: PictureDistance
) -> dict[str, tuple[float | None, float | None]]:
    """Task -> diversity of all pictures of one prompt, and of those that pass verification."""
    threshold = found.standards[found.first].calibration.threshold
    verified = {score.file for score in found.scores if _passes(score, found.first, threshold)}
    rows = {}
    for task in ["", *dict.fromkeys(one.task for one in asked)]:
        groups: dict[tuple[tuple[str, ...], str], list[Path]] = {}
        for one in asked:
            if task in ("", one.task):
                groups.setdefault((one.people, one.prompt), []).append(one.file)
        every = [[read_photo(file) for file in files] for files in groups.values()]
        trusted = [[read_photo(file) for file in files if file in verified] for files in groups.values()]
        rows[task] = diversity(every, distance), diversity(trusted, distance)
    return rows


def _passes(score: Score, judge: str, threshold: float) -> bool:
    return score.judges[judge].given > threshold


def _similarities(
    networks: Sequence[PictureNetwork], asked: Sequence[Asked], subjects: Sequence[Subject]
) -> dict[str, float]:
    """Mean cosine of pictures to the given photos, and to others, over people."""
    found: dict[str, float] = {}
    for network in networks:
        values: dict[str, list[float]] = {"given photos": [], "other photos": []}
        for subject in subjects:
            own = [read_photo(one.file) for one in asked if one.people == (subject.name,)]
            for words, photos in (("given photos", subject.given), ("other photos", subject.others)):
                if own and photos:
                    values[words].append(network.similarity(own, [read_photo(path) for path in photos]))
        found |= {f"{network.name}, {words}": sum(some) / len(some) for words, some in values.items() if some}
    return found


def _settings(run: EvaluatedRun, panel: Panel, plan: Plan, side_px: int) -> dict[str, Any]:
    """Whatever is needed to get the same numbers again."""
    return {
        "run": run.folder.path.as_posix(),
        "step": step_of(run.folder, plan.step),
        "people": [run.people[person].name for person in plan.people],
        "conditioned by": sorted(run.conditioned_by) or "no face network",
        "judges": [judge.name for judge in panel.judges],
        "prompt judge": panel.prompts.name if panel.prompts else "nobody",
        "diversity": panel.distance.name,
        "other photos": str(plan.others or "none"),
        "pictures": str(plan.pictures or "drawn now"),
        "picture side, px": side_px,
        "drawing": dict(plan.drawing) if plan.pictures is None else "as its settings.json says",
        "prompts": [prompt.text for prompt in plan.prompts],
    }
