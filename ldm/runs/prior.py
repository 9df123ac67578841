"""Pictures of a class by the weights that a run began with and by the run, from the same noise."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.prior import ClassPictures
from evaluation.task_prompts import TaskPrompt, named_in
from ldm.runs.draw import draw_prompt, pipeline_of, settings_of
from ldm.runs.evaluated import EvaluatedRun
from ldm.runs.load import Step, load_model, step_of, untrained


def class_pictures(
    run: EvaluatedRun,
    prompts: Sequence[TaskPrompt],
    wanted: dict[str, Any],
    step: Step = None,
    sd: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[ClassPictures]:
    """Every prompt drawn by the plain weights and by the run.

    Args:
        run: the run.
        prompts: that mention nobody.
        wanted: fields of ``DrawSettings`` that differ from the model's own.
        step: of the run; the last one if None.
        sd: the weights that the run began with, if they are elsewhere now.
        progress: called with 1 after every picture.

    Raises:
        ValueError: a prompt mentions somebody who was learned.
    """
    if named := [prompt.text for prompt in prompts if named_in(prompt.text, run.placeholders)]:
        raise ValueError(
            f"a prompt of a class mentions nobody, but {named[0]!r} has {' or '.join(run.placeholders[:2])}"
        )
    model = load_model(run.folder.path, sd, step_of(run.folder, step))
    after = _draw(model, prompts, wanted, progress)
    start = sd or Path(run.start or model.weights_folder)
    averaged = run.start_ema and (sd is None or sd.is_file())
    before = _draw(untrained(start, averaged), prompts, wanted, progress)
    return [
        ClassPictures(prompt.text, prompt.task, *sides)
        for prompt, sides in zip(prompts, zip(before, after, strict=True), strict=True)
    ]


def _draw(
    model: Any, prompts: Sequence[TaskPrompt], wanted: dict[str, Any], progress: Callable[[int], None] | None
) -> list[list[Image.Image]]:
    """The pictures of every prompt."""
    settings = settings_of(model, **wanted)
    pipeline = pipeline_of(model, None, settings.sampler)
    drawn = []
    for prompt in prompts:
        pictures = [picture for _, picture in draw_prompt(pipeline, prompt.text, settings)]
        drawn.append(pictures)
        if progress:
            progress(len(pictures))
    return drawn
