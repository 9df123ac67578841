"""The study from people to cells, in one process: what is not done yet is learned and drawn."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from evaluation.studies.celeb_basis.arms import Arm
from evaluation.studies.celeb_basis.cells import Cell, Cells, Drawer
from evaluation.studies.celeb_basis.learn import Learner
from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.runs.claim import claim
from ldm.runs.draw import DrawSettings


@dataclass(frozen=True)
class Plan:
    """How much is done.

    Attributes:
        people_per_run: people learned together.
        steps: of a run; None is what the config says.
        each: pictures of each person by the plain prompt.
        asked: pictures of each person by every prompt that asks for something.
        drawing_steps: of the sampler.
    """

    people_per_run: int = 5
    steps: int | None = None
    each: int = 8
    asked: int = 2
    drawing_steps: int = 15

    def size_of(self, arm: Arm) -> int:
        """People a run of ``arm``."""
        return arm.people_per_run or self.people_per_run

    def steps_of(self, arm: Arm) -> int | None:
        """Steps of a run of ``arm``: smaller runs have fewer, so that everybody is seen as often."""
        if arm.steps is not None or self.steps is None:
            return arm.steps
        return max(1, round(self.steps * self.size_of(arm) / self.people_per_run))


def drawer_of(learner: Learner, plan: Plan) -> Drawer:
    """Draws on the learner's model, whatever method is in its slot: token vectors are given."""
    pipeline: Any = PersonPipeline.of(learner.model)
    pipeline.set_progress_bar_config(disable=True)
    guidance = learner.model.defaults.guidance_scale
    settings = DrawSettings(num_inference_steps=plan.drawing_steps, guidance_scale=guidance, batch_size=16)
    return Drawer(pipeline, plan.each, plan.asked, settings)


def groups(people: Sequence[str], size: int) -> Iterator[list[str]]:
    """``people`` in runs of ``size``; one left over joins the run before: alone there are no pictures of two."""
    starts = list(range(0, len(people), size))
    if size > 1 and len(starts) > 1 and len(people) - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], len(people)], strict=True):
        yield list(people[start:end])


def fill(
    cells: Cells, arms: Sequence[Arm], people: Sequence[str], learner: Learner, drawer: Drawer, plan: Plan
) -> None:
    """Learn and draw ``people`` in ``arms``, as far as it is not done; say how it goes.

    Raises:
        ValueError: cells of an arm of this name are there, and it was another: ``arm.json`` beside them says which.
    """
    for arm in arms:
        claim(cells.folder / arm.key, arm.settings(), "arm.json")
    jobs = [(arm, group) for arm in arms for group in groups(people[: arm.people], plan.size_of(arm))]
    todo = [(arm, group) for arm, group in jobs if not all(cells.done(arm.key, person) for person in group)]
    print(f"{len(jobs) - len(todo)} of {len(jobs)} runs are done already", flush=True)
    began = time.perf_counter()
    for number, (arm, group) in enumerate(todo, 1):
        for cell, pictures in learn_group(arm, group, learner, drawer, plan):
            cells.write(arm.key, cell, pictures)
        passed = time.perf_counter() - began
        left = passed / number * (len(todo) - number) / 60
        print(f"{number} of {len(todo)}: {arm.key}, {', '.join(group)}; about {left:.0f} min left", flush=True)


def learn_group(
    arm: Arm, group: Sequence[str], learner: Learner, drawer: Drawer, plan: Plan
) -> list[tuple[Cell, list[Image.Image]]]:
    """The cells of people learned in one run."""
    mean = learner.names.mean
    if arm.kind == "mean":
        vectors, facts = mean.expand(len(group), -1, -1), {"steps": 0, "pictures": 0.0, "seconds": 0.0}
    else:
        learned = learner.learn(arm, group, plan.steps_of(arm))
        vectors = learned.vectors
        facts = {
            "steps": learned.steps,
            "pictures": learned.steps * learned.batch_size / len(group),
            "seconds": round(learned.seconds / len(group), 2),
        }
    return drawer.cells(group, vectors, mean, facts)
