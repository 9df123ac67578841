"""From the options of `generate` to pictures in a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ldm.commands.bars import bar


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn; None is the model's or the run's own.

    Attributes:
        run: the run's folder or its name in ``logs/``; None for the plain model.
        sd: weights.
        steps: training steps after which to draw; a None among them is the last.
        people: who stands for the placeholders, one drawing for each; empty for all people of the run.
        mean: everybody at the basis mean.
        photos: instead of ``people``, one of each person; of people who were never trained.
        num_inference_steps: of the sampler.
    """

    run: Path | None
    sd: Path | None
    steps: Sequence[int | None] = (None,)
    people: Sequence[Sequence[int]] = ()
    mean: bool = False
    photos: Sequence[Path] = ()
    num_samples: int = 8
    seed: int = 42
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    negative_prompt: str = ""
    batch_size: int = 8


def draw(wanted: Wanted, prompts: Sequence[str], out: Path | None) -> tuple[list[dict[str, Any]], Path]:
    """Draw, with a progress bar; the samples and the folder they are in (outputs/RUN by default).

    Raises:
        ValueError: neither a run nor weights, or no prompt, or people are asked of a plain model, or photos beside
            people.
        LookupError: a person or a step that does not exist; those that do are listed.
    """
    from ldm.files import require_writable
    from ldm.runs.draw import draw_prompts
    from ldm.runs.load import find_run

    if not prompts:
        raise ValueError("nothing to draw: give --prompt TEXT or --prompts FILE")
    if wanted.run is None and wanted.sd is None:
        raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the plain model")
    if wanted.photos and (wanted.people or wanted.mean):
        raise ValueError("--photo takes the place of --people and --mean: give one of them")
    if wanted.run is not None:
        wanted = replace(wanted, run=find_run(wanted.run).path)
    folder = out or Path("outputs") / (wanted.run or wanted.sd or Path()).resolve().name
    require_writable(folder)
    total = len(wanted.steps) * max(1, len(wanted.people)) * len(prompts) * wanted.num_samples
    samples: list[dict[str, Any]] = []
    with bar("draw", total) as advance:
        for pipeline, facts in _drawings(wanted):
            pipeline.check(prompts, everybody=bool(wanted.people or wanted.photos))
            settings = _settings(wanted, pipeline.model.defaults)
            suffix = "_".join([*(who.partition("=")[2] for who in facts["people"]), *_listed(facts.get("step"))])
            samples += draw_prompts(pipeline, prompts, settings, folder, facts, suffix, advance)
    return samples, folder


def _drawings(wanted: Wanted) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A pipeline for each step and choice of people, and what every picture says about it."""
    from ldm.runs.load import find_run, knows_people, load_model, step_of, untrained

    of_a_run = wanted.people or wanted.mean or wanted.photos
    if wanted.run is None:
        if of_a_run or any(step is not None for step in wanted.steps):
            raise ValueError("--people, --photo, --mean and --step belong to a run: give --run logs/RUN")
        assert wanted.sd is not None  # seen before
        yield _pipeline(untrained(wanted.sd), None, wanted.sampler), {"model": str(wanted.sd), "people": []}
        return
    run, model = find_run(wanted.run), None
    for step in sorted({step_of(run, step) for step in wanted.steps}):
        model = load_model(run.path, wanted.sd, step, model)
        facts = {"model": str(model.weights_folder), "run": run.path.resolve().name, "step": step, "people": []}
        if not (of_a_run or knows_people(model)):
            yield _pipeline(model, None, wanted.sampler), facts
            continue
        for names, vectors in _people(wanted, model):
            pipeline = _pipeline(model, vectors, wanted.sampler)
            words = pipeline.placeholders.strings
            yield pipeline, {**facts, "people": [f"{word}={name}" for word, name in zip(words, names, strict=False)]}


def _people(wanted: Wanted, model: Any) -> Iterator[tuple[list[str], Any]]:
    """What to call the people of each choice, and their token vectors (P, E, D)."""
    from ldm.runs.aligned_folder import sha256_of
    from ldm.runs.draw import file_stem
    from ldm.runs.load import MEAN, everybody, people_vectors, photo_vectors

    if wanted.photos:
        vectors = photo_vectors(model, wanted.photos)
        yield [f"{file_stem(photo.stem)}-{sha256_of(photo)[:6]}" for photo in wanted.photos], vectors
        return
    for people in wanted.people or [everybody(model)]:
        names = ["mean" if wanted.mean else str(person) for person in people]
        yield names, people_vectors(model, [MEAN] * len(people) if wanted.mean else people)


def _pipeline(model: Any, people: Any, sampler: str | None) -> Any:
    """The pipeline on the fastest device there is; one progress bar is enough."""
    import torch

    from ldm.models.diffusion.pipelines import PersonPipeline

    pipeline = PersonPipeline.of(model, people, sampler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(torch.accelerator.current_accelerator(check_available=True) or "cpu")


def _settings(wanted: Wanted, defaults: Any) -> Any:
    """How to draw: what was asked for, otherwise what suits the model."""
    from ldm.runs.draw import DrawSettings

    given = {field.name: getattr(wanted, field.name) for field in fields(DrawSettings)}
    return DrawSettings(**{name: getattr(defaults, name) if value is None else value for name, value in given.items()})


def _listed(step: int | None) -> list[str]:
    return [] if step is None else [str(step)]
