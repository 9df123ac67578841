"""All checkpoints of a run, looked at after training as :mod:`ldm.runs.best` looks while it goes on."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from evaluation.identity import Judge
from evaluation.ranking import Look
from evaluation.scores import PromptJudge
from ldm.files import write_json
from ldm.runs.best_mark import mark_best
from ldm.runs.checkpoints import Checkpoint, whole
from ldm.runs.claim import claim
from ldm.runs.evaluated import EvaluatedRun
from ldm.runs.likeness import Likeness, evenly, references_of
from ldm.runs.load import load_model, untrained
from ldm.runs.look import Before, LookPlan, Scorer, touches_class
from ldm.runs.look_people import words_for
from ldm.runs.png import grid_of, pictures_in, save_png

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawn:
    """What was drawn of one person at one look: a row of pictures.

    Attributes:
        person: who.
        prompts: of each picture.
        cosines: of each picture to the person; None without a face.
        row: the pictures, side by side.
    """

    person: str
    prompts: list[str]
    cosines: list[float | None]
    row: Path

    def pictures(self) -> list[Image.Image]:
        """The pictures."""
        return pictures_in(self.row, len(self.prompts))


@dataclass(frozen=True)
class Ranking:
    """What was found.

    Attributes:
        run: whose checkpoints.
        looks: by rising step.
        drawn: by step, a row of pictures for each person.
        best: the one that is marked.
        failed: what is wrong with those that could not be looked at, by name.
        settings: how it was done.
    """

    run: EvaluatedRun
    looks: list[Look]
    drawn: dict[int, list[Drawn]]
    best: Look
    failed: list[str]
    settings: dict[str, Any]


def rank_run(
    run: EvaluatedRun,
    judge: Judge,
    prompt_judge: PromptJudge | None,
    plan: LookPlan,
    out: Path,
    max_people: int = 8,
    tolerance: float = 0.01,
    sd: Path | None = None,
    mark: bool = True,
    progress: Callable[[int], None] = lambda count: None,
) -> Ranking:
    """Look at every checkpoint of ``run`` and mark the best; looks that are in ``out`` are not made again.

    Args:
        run: the run.
        judge: whose face it is.
        prompt_judge: whether prompts are obeyed, or None.
        plan: what is drawn and how.
        out: where looks and pictures go.
        max_people: of more people, so many are drawn.
        tolerance: see :func:`evaluation.ranking.chosen`.
        sd: weights instead of the run's.
        mark: write ``best.json`` beside the checkpoints.
        progress: called with 1 after every checkpoint.

    Raises:
        ValueError: the judge sees no face in somebody's photos, or ``out`` holds looks made with other settings.
        RuntimeError: no checkpoint could be looked at.
    """
    photos = {one.name: one.photos for one in run.people}
    references = references_of(judge, photos)
    names = evenly(list(photos), max_people)
    settings = _settings(run, judge, prompt_judge, plan, names, sd)
    claim(out, settings, "rank.json")
    steps: list[int] = run.folder.steps()
    failed: list[str] = []
    progress(sum(_kept(out, step) for step in steps))
    scorer, before = None, None
    for checkpoint, model in whole(_checkpoints(run, [s for s in steps if not _kept(out, s)], sd), failed):
        if scorer is None or before is None:
            words = words_for(model, names, run.called)
            scorer = Scorer(judge, references, words, plan, model.sample_size_px, prompt_judge)
            scorer.check(model)
            before = _before(scorer, model, run, out, sd)
        with torch.no_grad():
            look, found = scorer.look(model, checkpoint.facts["step"], before)
        if look is None:
            failed.append(checkpoint.name)
            logger.error("%s is left out: nobody had been learned", checkpoint.name)
        else:
            _keep(out, look, found)
        progress(1)
    looks = [_read(out, step) for step in steps if _kept(out, step)]
    if not looks:
        raise RuntimeError(f"none of the {len(steps)} checkpoints of {run.folder.path} could be looked at")
    facts = {"chosen": "by python -m ldm rank", "judge": judge.name, "prompt_judge": settings["prompt judge"]}
    best = mark_best(run.folder, [look for look, _ in looks], tolerance, facts, write=mark)
    assert best is not None  # every look is of a step whose files are there
    drawn = {look.step: rows for look, rows in looks}
    return Ranking(run, [look for look, _ in looks], drawn, best, failed, {**settings, "tolerance": tolerance})


def _settings(
    run: EvaluatedRun, judge: Judge, prompts: PromptJudge | None, plan: LookPlan, names: list[str], sd: Path | None
) -> dict[str, Any]:
    """Whatever the numbers depend on."""
    drawing = {key: value for key, value in asdict(plan.settings).items() if key != "batch_size"}
    drawing |= {"sampler": plan.sampler or "the model's", "decoder": str(plan.decoder) if plan.decoder else None}
    drawing["guidance_scale"] = "the model's" if plan.guidance_scale is None else plan.guidance_scale
    return {
        "run": run.folder.path.resolve().name,
        "weights": "the run's" if sd is None else str(sd),
        "judge": judge.name,
        "prompt judge": prompts.name if prompts else None,
        "people": names,
        "prompts": list(plan.prompts),
        "class": plan.noun,
        "drawing": drawing,
    }


def _checkpoints(run: EvaluatedRun, steps: Sequence[int], sd: Path | None) -> list[Checkpoint]:
    """Each step; a model is read once where only small files differ."""
    known: list[Any] = [None]

    def of(step: int) -> Checkpoint:
        def load() -> Any:
            known[0] = load_model(run.folder.path, sd, step, known[0])
            return known[0].to(torch.accelerator.current_accelerator(check_available=True) or "cpu")

        return Checkpoint(f"step {step}", load, {"step": step})

    return [of(step) for step in steps]


def _before(scorer: Scorer, model: Any, run: EvaluatedRun, out: Path, sd: Path | None) -> Before:
    """The class as the weights drew it that training began with; looked at once."""
    file = out / "before.json"
    if not file.is_file():
        touched = touches_class(model)
        plain = untrained(sd or Path(run.start or model.weights_folder), run.start_ema) if touched else model
        with torch.no_grad():
            write_json(file, asdict(scorer.before(plain.to(model.device), touched)))
    return Before(**json.loads(file.read_text(encoding="utf-8")))


def _file(out: Path, step: int) -> Path:
    return out / "looks" / f"gs-{step:06d}.json"


def _kept(out: Path, step: int) -> bool:
    return _file(out, step).is_file()


def _keep(out: Path, look: Look, found: Sequence[Likeness]) -> None:
    """Write a look; the pictures first, since the look says that they are there."""
    rows = []
    for number, one in enumerate(found):
        path = _file(out, look.step).with_suffix(f".{number}.png")
        save_png(
            path,
            grid_of(one.pictures, gap=0),
            {"step": look.step, "person": one.reference.name, "prompts": one.prompts},
        )
        about = {"person": one.reference.name, "prompts": one.prompts, "cosines": one.scores.listed}
        rows.append({**about, "row": path.name})
    write_json(_file(out, look.step), {"look": look.as_json(), "drawn": rows})


def _read(out: Path, step: int) -> tuple[Look, list[Drawn]]:
    kept = json.loads(_file(out, step).read_text(encoding="utf-8"))
    rows = [Drawn(**(row | {"row": _file(out, step).parent / row["row"]})) for row in kept["drawn"]]
    return Look.of_json(kept["look"]), rows
