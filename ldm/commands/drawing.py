"""From the options of `generate` to pictures in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw(
    *,
    run: Path | None,
    sd: Path | None,
    prompts: Sequence[str],
    prompts_file: Path | None,
    out: Path | None,
    num_samples: int,
    seed: int,
    num_inference_steps: int | None,
    guidance_scale: float | None,
    sampler: str | None,
    negative_prompt: str,
    step: int | None,
    people: Sequence[int] | None,
    mean: bool,
    batch_size: int,
) -> tuple[list[dict[str, Any]], Path]:
    """Draw, with a progress bar; the samples and the folder they are in. Options that are None are the model's own.

    Raises:
        ValueError: neither a run nor weights, or no prompt, or people are asked of a plain model.
        LookupError: a person or a step that does not exist; those that do are listed.
    """
    from ldm.runs.draw import DrawSettings, draw_prompts, read_prompts

    wanted = [*prompts, *(read_prompts(prompts_file) if prompts_file else [])]
    if not wanted:
        raise ValueError("nothing to draw: give --prompt TEXT or --prompts FILE")
    pipeline, facts = _pipeline(run, sd, step, people, mean, sampler)
    defaults = pipeline.model.defaults
    settings = DrawSettings(
        num_samples=num_samples,
        seed=seed,
        num_inference_steps=num_inference_steps or defaults.num_inference_steps,
        guidance_scale=defaults.guidance_scale if guidance_scale is None else guidance_scale,
        sampler=sampler or defaults.sampler,
        negative_prompt=negative_prompt,
        batch_size=batch_size,
    )
    folder = out or Path("outputs") / (run.name if run else Path(facts["model"]).name)
    from ldm.commands.bars import bar

    with bar("draw", len(wanted) * num_samples) as advance:
        return draw_prompts(pipeline, wanted, settings, folder, facts, facts.pop("suffix"), advance), folder


def _pipeline(
    run: Path | None, sd: Path | None, step: int | None, people: Sequence[int] | None, mean: bool, sampler: str | None
) -> tuple[Any, dict[str, Any]]:
    """The pipeline and what every picture says about it."""
    from ldm.models.diffusion.pipelines import PersonPipeline
    from ldm.runs.folder import RunFolder
    from ldm.runs.load import MEAN, load_model, manager_of, people_vectors, untrained

    if run is None:
        if sd is None:
            raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the plain model")
        if people is not None or mean:
            raise ValueError("--people and --mean belong to a run: give --run logs/RUN")
        model = untrained(sd)
        return _quiet(PersonPipeline.of(model, None, sampler)), {"model": str(sd), "people": [], "suffix": ""}
    model = load_model(run, sd, step)
    reached = RunFolder.open(run).steps()[-1] if step is None else step
    facts: dict[str, Any] = {"model": str(model.weights_folder), "run": run.name, "step": reached}
    try:
        manager = manager_of(model)
    except LookupError:
        if people is not None or mean:
            raise
        return _quiet(PersonPipeline.of(model, None, sampler)), {**facts, "people": [], "suffix": str(reached)}
    chosen = manager.memory.trained() if people is None else list(people)
    vectors = people_vectors(model, [MEAN] * len(chosen) if mean else chosen)
    names = ["mean" if mean else str(person) for person in chosen]
    words = manager.placeholders.strings
    facts["people"] = [f"{word}={name}" for word, name in zip(words, names, strict=False)]
    facts["suffix"] = "_".join([*names, str(reached)])
    return _quiet(PersonPipeline.of(model, vectors, sampler)), facts


def _quiet(pipeline: Any) -> Any:
    """One progress bar is enough."""
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
