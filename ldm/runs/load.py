"""A finished run as a model, and as a diffusers pipeline."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from omegaconf import OmegaConf
from torch import Tensor

from ldm.modules.artifacts import read_artifact
from ldm.runs.best_mark import best_step
from ldm.runs.folder import RunFolder
from ldm.runs.new_faces import describe_photos
from ldm.runs.rebuild import rebuilt
from ldm.runs.whole import changed

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from ldm.models.diffusion.pipelines import PersonPipeline

logger = logging.getLogger(__name__)

Step = int | Literal["last", "best"] | None
"""A training step, counted from 0; None is the last, "best" the one that ``callbacks.best`` or ``rank`` marked."""

LOGS = Path("logs")
"""Where runs lie unless training was told otherwise."""

MEAN = -1
"""In place of a person: the coefficients at the basis mean, what is drawn of nobody in particular."""


def find_run(run: Path) -> RunFolder:
    """The run at a path, or of that name in ``logs/``.

    Raises:
        FileNotFoundError: there is none; those that there are, are listed.
    """
    return RunFolder.open(LOGS / run if len(run.parts) == 1 and not run.exists() else run)


def step_of(run: RunFolder, step: Step) -> int:
    """The step that is meant, of which the run has whole exported files; of the last, damaged ones are passed over.

    Raises:
        LookupError: it has none (the steps that there are, are listed), or none is marked as the best.
        ValueError: it is no step, or its files are not those that the run's manifest knows.
    """
    if isinstance(step, str) and step not in ("last", "best"):
        raise ValueError(f"step {step!r}: a training step is a number counted from 0, 'last' or 'best'")
    number = best_step(run) if step == "best" else None if step == "last" else step
    run.exported(number)
    faults: list[str] = []
    for known in reversed(run.steps()) if number is None else [int(number)]:
        if not (wrong := _faults(run, known)):
            if faults:
                logger.warning("%s; step %d is taken", "; ".join(faults), known)
            return known
        faults += wrong
    there = ", ".join(map(str, run.steps()))
    hint = "none of its steps is whole" if number is None else f"take another step, there are {there}"
    raise ValueError(f"{'; '.join(faults)}: {hint}")


def _faults(run: RunFolder, step: int) -> list[str]:
    """What is wrong with those exported files of a step that are loaded; the older .pt beside them is not."""
    loaded = [file for file in run.exported(step) if file.suffix != ".pt"]
    return [f"{file}: {wrong}" for file in loaded if (wrong := changed(file))]


def load_model(
    run: Path,
    sd: Path | None = None,
    step: Step = None,
    loaded: "LatentDiffusion | None" = None,
    ema: bool | None = None,
) -> "LatentDiffusion":
    """The ``LatentDiffusion`` of a run, with what the run exported after ``step``.

    Args:
        run: the run's folder, or its name in ``logs/``.
        sd: weights to use instead of those that the run was trained on; where the networks themselves were trained,
            it is always the run's own that are taken.
        step: counted from 0; the last one if None; "best" is the one marked.
        loaded: the same run's model after an earlier step: taken over where only small files differ.
        ema: of a single file with two sets of weights, the averaged one; None takes those that the run was trained on.

    Raises:
        FileNotFoundError: there is no such run.
        LookupError: the run has no exported files of that step; the steps that there are, are listed.
        ValueError: the people were learned on a model with other words, averaged weights are asked for where there
            are none, or the step's files are damaged.
    """
    folder = find_run(run)
    files = folder.exported(step_of(folder, step))
    artifacts = [read_artifact(file) for file in files if file.suffix == ".safetensors"]
    networks = next((file for file in files if (file / "model_index.json").is_file()), None)
    if loaded is None or networks is not None:
        loaded = rebuilt(folder, networks or sd, artifacts, ema)
    if artifacts:
        loaded.personalization.load(artifacts)
    return loaded.eval()


def learned_word(folder: RunFolder) -> str | None:
    """The word that captions had for what a run learned from photos; None where the run's config tells of none."""
    data: Any = OmegaConf.select(OmegaConf.load(folder.project_config), "data.params.train.params")
    word = None if data is None else data.get("token")
    return str(word) if word else None


def untrained(sd: Path, ema: bool = False) -> "LatentDiffusion":
    """The plain model in ``sd``, in which no placeholder is a person; ``ema``: by the averaged weights of a file."""
    from ldm.models.diffusion.ddpm import LatentDiffusion

    return LatentDiffusion(sd, ckpt_ema=ema).eval()


def manager_of(model: Any) -> Any:
    """The part of a model's personalization that knows people.

    Raises:
        LookupError: it has none.
    """
    for part in model.personalization.modules():
        if hasattr(part, "person_vectors"):
            return part
    raise LookupError("this run did not learn people on the celeb basis")


def knows_people(model: Any) -> bool:
    """Whether the run of ``model`` learned people on the celeb basis."""
    return any(hasattr(part, "person_vectors") for part in model.personalization.modules())


def everybody(model: Any) -> list[int]:
    """The people that a run has learned, in the order of training.

    Raises:
        LookupError: nobody.
    """
    manager = manager_of(model)
    if people := list(manager.memory.trained()):
        return people
    if manager.head is not None:
        raise LookupError(
            "this run's files hold no people, but layers for new faces (test_mode image): give a photo of each person, "
            "by --photo FILE or load(photos=...)"
        )
    raise LookupError("this run has learned nobody yet")


@torch.no_grad()
def people_vectors(model: Any, people: Sequence[int]) -> Tensor:
    """(P, E, D) token vectors of trained people by index; ``MEAN`` stands for nobody in particular.

    Raises:
        LookupError: a person was not trained; those who were are listed.
        ValueError: there is nobody, or more people than the run has placeholders.
    """
    manager = manager_of(model)
    _require_placeholders(manager, len(people))
    return torch.stack([manager.basis.mean if who == MEAN else manager.person_vectors(who) for who in people])


@torch.no_grad()
def photo_vectors(model: Any, photos: Sequence[Path]) -> Tensor:
    """(P, E, D) token vectors of the largest face of each of ``photos``: of people who were never trained.

    Raises:
        LookupError: the run's files hold no layers for new faces.
        ValueError: a photo cannot be read or shows no face; there are more photos than the run has placeholders; or the
            layers take the face vectors of another network.
    """
    manager = manager_of(model)
    _require_placeholders(manager, len(photos))
    if manager.head is None:
        raise LookupError(
            "a new face needs the layers, which this run's files do not hold: train with test_mode image or all, or "
            "choose among the people it has learned"
        )
    try:
        faces = model.faces.for_vectors(manager.face_encoder_name)
    except ValueError as error:
        raise ValueError(f"the run's layers: {error} (face_backend {model.face_backend!r})") from error
    return torch.as_tensor(manager.face_vectors(describe_photos(photos, faces)))


def _require_placeholders(manager: Any, num_people: int) -> None:
    words = manager.placeholders.strings
    if not num_people:
        raise ValueError("nobody is chosen: choose at least one person")
    if num_people > len(words):
        raise ValueError(
            f"{num_people} people are chosen, but the run has {len(words)} placeholders: {', '.join(words)}"
        )


def load(
    run: Path | str,
    people: Sequence[int] | None = None,
    step: Step = None,
    sd: Path | None = None,
    sampler: str | None = None,
    photos: Sequence[Path | str] | None = None,
    ema: bool | None = None,
) -> "PersonPipeline":
    """A diffusers pipeline in which a run's placeholders are people.

    Example:
        >>> pipe = load("logs/training2026-11-21T10-00-00_celebbasis").to("cuda")
        >>> pipe("a photo of sks", generator=torch.Generator().manual_seed(42)).images[0]

    Args:
        run: the run's folder, or its name in ``logs/``.
        people: who stands for the first placeholder, the second, ...; None takes all in the order of training.
        step: counted from 0; the last one if None; "best" is the one marked.
        sd: weights to use instead of those that the run was trained on.
        sampler: ddim, dpm++, euler, pndm or ddpm; the model's own if None.
        photos: instead of ``people``, photos of people who were never trained; of a run with test_mode image or all.
        ema: of a single file with two sets of weights, the averaged one; None takes those that the run was trained on.
    """
    from ldm.models.diffusion.pipelines import PersonPipeline

    if photos is not None and people is not None:
        raise ValueError("give people or photos, not both")
    model = load_model(Path(run), sd, step, ema=ema)
    if photos is not None:
        return PersonPipeline.of(model, photo_vectors(model, [Path(photo) for photo in photos]), sampler)
    if people is None and not knows_people(model):
        return PersonPipeline.of(model, None, sampler)
    chosen = everybody(model) if people is None else list(people)
    return PersonPipeline.of(model, people_vectors(model, chosen), sampler)
