"""What an evaluation needs of a run: whom it learned from which photos, by which face networks, and its pictures."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from evaluation.samples import Sample, read_samples
from evaluation.scores import Asked
from evaluation.task_prompts import TaskPrompt, in_plain_words, named_in
from ldm.data.choice import choose_people
from ldm.data.manifest import Record, group_people, read_people
from ldm.data.photo_folders import read_folders
from ldm.faces.backend import network_of
from ldm.faces.photos import list_photos
from ldm.modules.artifacts import read_artifact
from ldm.runs.best_mark import CHOOSER
from ldm.runs.draw import draw_prompts, pipeline_of, settings_of
from ldm.runs.folder import RunFolder
from ldm.runs.likeness import called
from ldm.runs.load import Step, find_run, knows_people, load_model, people_vectors, step_of

logger = logging.getLogger(__name__)

TOKEN = "sks"
"""What stands for the person where a run does not say it."""


@dataclass(frozen=True)
class Learned:
    """A person as the run was given them.

    Attributes:
        name: of the person.
        photos: the pictures that were trained on; the face is the largest.
        sources: the photos that these were cut from, as far as they are still there.
    """

    name: str
    photos: tuple[Path, ...]
    sources: tuple[Path, ...] = ()


@dataclass(frozen=True)
class EvaluatedRun:
    """A run whose pictures are judged.

    Attributes:
        folder: the run.
        people: whom it learned, in the order of training.
        placeholders: the words that stand for the first, the second, ... person of a prompt.
        conditioned_by: the face networks that had a part in training.
        start: the weights that training began with.
        start_ema: of a file with two sets of weights, the averaged one.
        called: by name, what stands for people who have a word of their own.
    """

    folder: RunFolder
    people: list[Learned]
    placeholders: tuple[str, ...]
    conditioned_by: frozenset[str]
    start: Path | None = None
    start_ema: bool = False
    called: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, run: Path, photos: Path | None = None) -> "EvaluatedRun":
        """The run at a path or of that name in logs/.

        Args:
            run: the run.
            photos: what it was trained on, if the run's own config names a place that is gone: a manifest or folder.

        Raises:
            FileNotFoundError: there is no such run, or its photos are gone.
            LookupError: it has no exported files.
            ValueError: its config names no photos.
        """
        folder = find_run(run)
        folder.exported()
        config = OmegaConf.to_container(OmegaConf.load(folder.project_config), resolve=True)
        assert isinstance(config, dict)  # RunFolder wrote a mapping
        data = config.get("data", {}).get("params", {}).get("train", {}).get("params", {})
        people, encoders = _people(data, photos, folder.path)
        model = config.get("model", {}).get("params", {})
        start, averaged = model.get("ckpt_path"), bool(model.get("ckpt_ema", False))
        conditioned_by = frozenset(encoders | _networks(folder))
        words, where = _placeholders(data), Path(start) if start else None
        named = {people[0].name: called(words[0], data.get("instance_prompt"))} if data.get("token") else {}
        return cls(folder, people, words, conditioned_by, where, averaged, named)


def _people(data: Mapping[str, Any], photos: Path | None, run: Path) -> tuple[list[Learned], set[str]]:
    """Whom the data of a run shows, and the face networks whose vectors lie with them."""
    listed = photos or next((Path(data[key]) for key in ("pickle_path", "folder") if data.get(key)), None)
    if listed is None:
        raise ValueError(f"the config of {run} names no photos of people: say what it was trained on, by --given")
    if listed.is_dir():
        pictures = [picture for one in read_folders(listed, list_photos) for picture in one.pictures]
        return [Learned(str(data.get("token") or listed.name), tuple(pictures))], set()
    groups = group_people(read_people(listed))
    chosen = choose_people(list(groups), data.get("num_ids"), data.get("specific_ids"))
    return [_learned(name, groups[name]) for name in chosen], {
        r.encoder for n in chosen for r in groups[n] if r.encoder
    }


def _learned(name: str, records: Sequence[Record]) -> Learned:
    sources = tuple(record.source for record in records if record.source is not None and record.source.is_file())
    return Learned(name, tuple(record.path for record in records), sources)


def _placeholders(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The words for people; of a run that learned one thing its token."""
    return tuple(data.get("placeholder_strings") or [data.get("token") or TOKEN])


def _networks(folder: RunFolder) -> set[str]:
    """The face networks that the exported files and the callbacks name."""
    found = _encoders_in(folder)
    if folder.lightning_config.is_file():
        lightning = OmegaConf.load(folder.lightning_config)
        node = OmegaConf.select(lightning, "lightning.callbacks.best")
        if node is not None and not (node.get("params") or {}).get("disabled", False):
            from evaluation.judges import load_judge

            found.add(load_judge((node.get("params") or {}).get("judge", CHOOSER)).encoder_name)
    return found


def _encoders_in(folder: RunFolder) -> set[str]:
    """The face networks that the newest exported files name; of files that are broken, those before them."""
    for step in reversed(folder.steps()):
        try:
            files = [read_artifact(file) for file in folder.exported(step) if file.suffix == ".safetensors"]
        except ValueError as error:
            logger.warning("%s", error)
            continue
        named = (file.metadata.get("face_encoder") for file in files)
        return {network_of(vectors) for vectors in named if vectors}
    return set()


def draw_people(
    run: EvaluatedRun,
    people: Sequence[int],
    prompts: Sequence[TaskPrompt],
    wanted: Mapping[str, Any],
    out: Path,
    step: Step = None,
    sd: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> set[Path]:
    """Draw every prompt of one person for each of ``people``, every prompt of two for each and their next one.

    Args:
        run: the run.
        people: by place in the order of training.
        prompts: with the run's placeholders.
        wanted: what differs from the model's own settings: fields of ``DrawSettings``.
        out: the folder.
        step: of the run; the last one if None.
        sd: weights to use instead of the run's.
        progress: called with 1 after every picture.

    Returns:
        The pictures just drawn; ``out`` may hold those of earlier calls beside them.
    """
    step = step_of(run.folder, step)
    model = load_model(run.folder.path, sd, step)
    settings = settings_of(model, **wanted)
    facts = {"model": str(model.weights_folder), "run": run.folder.path.resolve().name, "step": step}
    drawn: set[Path] = set()
    for chosen, texts in drawings(run, people, prompts):
        vectors = people_vectors(model, chosen) if knows_people(model) else None
        pipeline = pipeline_of(model, vectors, settings.sampler)
        words = [f"{word}={person}" for word, person in zip(run.placeholders, chosen, strict=False)]
        suffix = "_".join(map(str, [*chosen, step]))
        samples = draw_prompts(pipeline, texts, settings, out, {**facts, "people": words}, suffix, progress)
        drawn |= {out / sample["file"] for sample in samples}
    return drawn


def drawings(
    run: EvaluatedRun, people: Sequence[int], prompts: Sequence[TaskPrompt]
) -> list[tuple[tuple[int, ...], list[str]]]:
    """Who is drawn together, and by which prompts."""
    by_count: dict[int, list[str]] = {}
    for prompt in prompts:
        by_count.setdefault(len(named_in(prompt.text, run.placeholders)), []).append(prompt.text)
    found: list[tuple[tuple[int, ...], list[str]]] = []
    for count in (1, 2):
        if count in by_count and count <= len(people):
            groups = [tuple(people[(i + k) % len(people)] for k in range(count)) for i in range(len(people))]
            found += [(group, by_count[count]) for group in groups]
    return found


def asked_of(folder: Path, run: EvaluatedRun, prompts: Sequence[TaskPrompt], noun: str) -> list[Asked]:
    """What was asked for in the pictures of ``folder``; pictures that name nobody are left out.

    Raises:
        FileNotFoundError: it holds no pictures of `generate`, or some are gone.
        ValueError: no picture is of anybody in this run.
    """
    tasks = {prompt.text: prompt.task for prompt in prompts}
    found = []
    for sample in read_samples(folder):
        names = _shown_in(sample, run)
        if names:
            plain = in_plain_words(sample.prompt, run.placeholders, noun)
            task = tasks.get(sample.prompt, "two" if len(names) > 1 else "own")
            found.append(Asked(sample.path, sample.prompt, plain, task, sample.seed, names))
    if not found:
        raise ValueError(
            f"no picture in {folder} shows a prompt about anybody of this run: prompts name people by "
            f"{' and '.join(run.placeholders[:2])}"
        )
    return found


def _shown_in(sample: Sample, run: EvaluatedRun) -> tuple[str, ...]:
    """Whom the prompt of a picture asks for, by name, in its order."""
    words = named_in(sample.prompt, run.placeholders)
    if not sample.people and len(run.people) == 1:
        return (run.people[0].name,) if words else ()
    chosen = dict(entry.split("=", 1) for entry in sample.people)
    places = [chosen.get(word, "") for word in words]
    if not all(place.isdecimal() and int(place) < len(run.people) for place in places):
        return ()
    return tuple(run.people[int(place)].name for place in places)
