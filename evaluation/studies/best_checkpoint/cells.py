"""A cell: one person learned in a run that marks its best checkpoint, and every checkpoint scored by another judge."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from evaluation.identity import Judge
from evaluation.ranking import Look, chosen, waited
from evaluation.scores import PromptJudge
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.subjects import Subject
from ldm.files import write_json
from ldm.runs.best import NAME as CALLBACK
from ldm.runs.best_mark import BEST
from ldm.runs.draw import DrawSettings
from ldm.runs.folder import RunFolder
from ldm.runs.likeness import references_of
from ldm.runs.load import load_model
from ldm.runs.look import LookPlan, Scorer
from ldm.runs.look_people import words_for

CONFIG = ROOT / "configs" / "stable-diffusion" / "celeb_basis.yaml"
PROMPTS = (
    "a photo of {}",
    "a photo of {} wearing a hat",
    "a photo of {} with gray hair",
    "a photo of {} with blond hair",
)
"""What the scoring judge looks at: beside the plain prompt others than those by which the run chooses."""
SEED = 42
"""Of the first scored picture: far from the seeds by which the run chooses."""


@dataclass(frozen=True)
class Design:
    """How people are learned and scored.

    Attributes:
        steps: of a run; None is what the config says.
        every: steps between two checkpoints that are saved anyway.
        looks: steps between two looks of the run, as far as there is time.
        share: of the training time that looks may take.
        each: pictures that the scoring judge sees of each checkpoint.
        drawing_steps: of the sampler, for these.
    """

    steps: int | None = None
    every: int = 50
    looks: int = 25
    share: float = 0.1
    each: int = 8
    drawing_steps: int = 12


@dataclass(frozen=True)
class Cell:
    """One person.

    Attributes:
        person: the name.
        marked: the step that the run marked as its best.
        own: the looks by which it chose.
        share: of the training time that these took.
        scored: every saved step, scored by another judge with other photos, prompts and seeds.
    """

    person: str
    marked: int
    own: list[Look]
    share: float
    scored: list[Look]

    def stopped(self, patience: int, min_delta: float, min_steps: int) -> tuple[int, int]:
        """Where the run would have ended with ``patience``: steps made by then, and the step marked then."""
        for count in range(1, len(self.own) + 1):
            seen = self.own[:count]
            if waited(seen, min_delta) >= patience and seen[-1].step + 1 >= min_steps:
                return seen[-1].step + 1, chosen(seen, min_delta).step
        return self.scored[-1].step + 1, self.marked


def cell_of(folder: Path, person: str) -> Cell | None:
    """The cell of ``person``; None if it is not done."""
    file = folder / f"{person}.json"
    if not file.is_file():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    looks = {key: [Look.of_json(row) for row in kept[key]] for key in ("own", "scored")}
    return Cell(kept["person"], kept["marked"], looks["own"], kept["share"], looks["scored"])


def fill(
    folder: Path,
    subject: Subject,
    place: int,
    manifest: Path,
    sd: Path,
    design: Design,
    judge: Judge,
    prompt_judge: tuple[PromptJudge, Path] | None,
) -> Cell:
    """Learn ``subject``, who is at ``place`` in the manifest, and score all checkpoints; kept in ``folder``.

    Raises:
        ValueError: the run had no time for any look.
    """
    runs = folder / "runs" / subject.name
    done = runs / "trained.json"
    if not done.is_file():
        shutil.rmtree(runs, ignore_errors=True)  # of a training that was cut off
        made = train(runs, place, manifest, sd, design, prompt_judge[1] if prompt_judge else None)
        write_json(done, {"run": f"{made.parent.name}/{made.name}"})
    run = RunFolder.open(runs / json.loads(done.read_text(encoding="utf-8"))["run"])
    if not (run.checkpoints / BEST).is_file():
        raise ValueError(
            f"the run {run.path} made no look in {design.share:.0%} of its time: give it more (--share) or more --steps"
        )
    mark = json.loads((run.checkpoints / BEST).read_text(encoding="utf-8"))
    scored = score(run, subject, design, judge, prompt_judge[0] if prompt_judge else None)
    own = [Look.of_json({k: v for k, v in row.items() if k != "saved"}) for row in mark["looks"]]
    cell = Cell(subject.name, mark["step"], own, mark["share_of_training_time"], scored)
    rows: dict[str, Any] = {key: [look.as_json() for look in getattr(cell, key)] for key in ("own", "scored")}
    write_json(folder / f"{subject.name}.json", asdict(cell) | rows)
    return cell


def train(runs: Path, place: int, manifest: Path, sd: Path, design: Design, prompt_judge: Path | None) -> Path:
    """Learn one person by the script, with looks; the run."""
    given = {
        "data.params.train.params.num_ids": "null",
        "data.params.train.params.specific_ids": f"[{place}]",
        "model.params.personalization_config.params.max_ids": 100,
        "lightning.modelcheckpoint.params.every_n_train_steps": design.every,
        "lightning.callbacks.image_logger.params.disabled": "true",
        f"{CALLBACK}.params.every_n_steps": design.looks,
        f"{CALLBACK}.params.max_share": design.share,
        f"{CALLBACK}.params.patience": 0,  # so that there is a last checkpoint to compare with
    }
    if design.steps is not None:
        given["lightning.trainer.max_steps"] = design.steps
    if prompt_judge is not None:
        given[f"{CALLBACK}.params.prompt_judge"] = prompt_judge.resolve().as_posix()
    scripts = Scripts(Stages(runs / "logs", ROOT), sd, CONFIG)
    return scripts.train(manifest, runs / "made", [f"{key}={value}" for key, value in given.items()])


def score(
    run: RunFolder, subject: Subject, design: Design, judge: Judge, prompt_judge: PromptJudge | None
) -> list[Look]:
    """Every saved step of ``run`` as ``judge`` sees it, who knows the person by other photos; by rising step."""
    settings = DrawSettings(num_samples=design.each, seed=SEED, num_inference_steps=design.drawing_steps)
    plan = LookPlan(PROMPTS, settings)
    references = references_of(judge, {subject.name: subject.others})
    scorer, before, looks, model = None, None, [], None
    for step in run.steps():
        model = load_model(run.path, None, step, model)
        if scorer is None or before is None:
            words = words_for(model, [subject.name], {})
            scorer = Scorer(judge, references, words, plan, model.sample_size_px, prompt_judge)
            before = scorer.before(model, touched=False)
        with torch.no_grad():
            look, _ = scorer.look(model, step, before)
        assert look is not None  # the run learned somebody
        looks.append(look)
    return looks


def values(cells: Sequence[Cell], steps: Sequence[int], measure: str = "score") -> list[float]:
    """What each person's checkpoint of a step got from the scoring judge: ``score``, ``identity`` or ``obedience``."""
    return [
        float(getattr(next(look for look in cell.scored if look.step == step), measure) or 0.0)
        for cell, step in zip(cells, steps, strict=True)
    ]
