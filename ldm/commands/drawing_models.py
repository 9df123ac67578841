"""From the options of `generate` to what draws: models, people, pipelines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldm.commands.drawing_add_ons import lay_on
from ldm.commands.generate_options import AddOns, Who
from ldm.commands.steps import parse_steps

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion


@dataclass(frozen=True)
class Drawer:
    """One thing that draws all prompts.

    Attributes:
        model: the ``LatentDiffusion``.
        people: (P, E, D) token vectors of the people chosen; None where the run knows none.
        facts: what every picture says about it: model, run, step or checkpoint, people.
    """

    model: Any
    people: Any
    facts: dict[str, Any]

    @property
    def people_told(self) -> str:
        """The people as a part of file names."""
        return "_".join(who.partition("=")[2] for who in self.facts["people"])

    @property
    def model_told(self) -> str:
        """The step or checkpoint as a part of file names."""
        from ldm.runs.png import file_stem

        if "checkpoint" in self.facts:
            return file_stem(self.facts["checkpoint"])
        return str(self.facts.get("step", ""))

    @property
    def suffix(self) -> str:
        """What tells its files from those of others."""
        return "_".join(part for part in (self.people_told, self.model_told) if part)


def drawers(who: Who, add_ons: AddOns, failed: list[str]) -> Iterator[Drawer]:
    """One for each step or checkpoint, and of each for every choice of people; with what is laid over the model.

    Checkpoints of a folder that cannot be read are named in ``failed``.

    Raises:
        ValueError: people are asked of a plain model.
        LookupError: a person or a step that does not exist; those that do are listed.
    """
    known, told = None, {}
    for model, facts in _models(who, failed):
        if model is not known:  # a run's model after another step may be the same, with other people
            known, told = model, lay_on(model, add_ons)
        yield from _by_people(who, model, {**facts, **told})


def _models(who: Who, failed: list[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    from ldm.runs.checkpoints import checkpoints_in, chosen, whole
    from ldm.runs.load import find_run, load_model, step_of, untrained

    steps = parse_steps(who.step)
    if who.weights is not None:
        for checkpoint, model in whole(checkpoints_in(who.weights, who.run, who.ema), failed):
            yield model, {"model": str(model.weights_folder), "checkpoint": checkpoint.name, **checkpoint.facts}
        return
    if who.run is None:
        if asks_for_people(who) or steps != [None]:
            raise ValueError("--people, --photo, --mean and --step belong to a run: give --run logs/RUN")
        assert who.sd is not None  # seen before
        yield untrained(who.sd, bool(who.ema)), {"model": str(who.sd), **chosen(who.ema)}
        return
    run = find_run(who.run)
    earlier: LatentDiffusion | None = None
    for step in sorted({step_of(run, step) for step in steps}):
        earlier = model = load_model(run.path, who.sd, step, earlier, who.ema)
        facts = {"model": str(model.weights_folder), "run": run.path.resolve().name, "step": step}
        yield model, {**facts, **chosen(who.ema)}


def _by_people(who: Who, model: Any, facts: dict[str, Any]) -> Iterator[Drawer]:
    from ldm.models.diffusion.pipelines import placeholders_of
    from ldm.runs.load import knows_people

    if not (asks_for_people(who) or knows_people(model)):
        yield Drawer(model, None, {**facts, "people": []})
        return
    for names, vectors in _people(who, model):
        placeholders = placeholders_of(model)
        words = placeholders.strings if placeholders else ()
        named = [f"{word}={name}" for word, name in zip(words, names, strict=False)]
        yield Drawer(model, vectors, {**facts, "people": named})


def _people(who: Who, model: Any) -> Iterator[tuple[list[str], Any]]:
    """What to call the people of each choice, and their token vectors (P, E, D)."""
    from ldm.runs.aligned_folder import sha256_of
    from ldm.runs.load import MEAN, everybody, people_vectors, photo_vectors
    from ldm.runs.png import file_stem

    if who.photo:
        vectors = photo_vectors(model, who.photo)
        yield [f"{file_stem(photo.stem)}-{sha256_of(photo)[:6]}" for photo in who.photo], vectors
        return
    for people in [parse_people(chosen) for chosen in who.people] or [everybody(model)]:
        names = ["mean" if who.mean else str(person) for person in people]
        yield names, people_vectors(model, [MEAN] * len(people) if who.mean else people)


def asks_for_people(who: Who) -> bool:
    """Whether people of a run were chosen."""
    return bool(who.people or who.mean or who.photo)


def folder_name(who: Who) -> Path:
    """Where pictures go unless told: outputs/RUN."""
    return Path("outputs") / (who.weights or who.run or who.sd or Path()).resolve().name


def parse_people(text: str) -> list[int]:
    """``"0,1"`` as [0, 1], ``"3,-1"`` as [3, 3].

    Raises:
        ValueError: it is not a list of numbers, or begins with a negative one.
    """
    try:
        chosen = [int(part) for part in text.split(",")]
    except ValueError:
        chosen = [-1]
    if chosen[0] < 0:
        raise ValueError(f"--people {text!r}: write places of people with commas between, from 0, like 0,1")
    return [chosen[0] if person < 0 else person for person in chosen]
