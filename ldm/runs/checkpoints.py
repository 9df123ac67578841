"""The models that a folder holds, one after the other: to see which of them draws best."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldm.runs.folder import RunFolder
from ldm.runs.load import load_model, untrained

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

logger = logging.getLogger(__name__)

SINGLE_FILES = (".ckpt", ".safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """One model.

    Attributes:
        name: what it is called in files and grids.
        load: reads it.
        facts: what its pictures say about it.
    """

    name: str
    load: "Callable[[], LatentDiffusion]"
    facts: dict[str, Any] = field(default_factory=dict)


def checkpoints_in(folder: Path, run: Path | None = None, ema: bool | None = None) -> list[Checkpoint]:
    """The models in ``folder`` by rising step: those of a run, or diffusers folders and single files; or it is one.

    Args:
        folder: a run, the ``checkpoints`` folder of one, any folder of models, or a model.
        run: a run whose people are drawn by each of the models; of its own steps, each draws the people it knew.
        ema: of single files with two sets of weights, the averaged one; a run's steps are on the weights it was
            trained on, so it counts for these.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no model.
    """
    if _is_model(folder):
        return [_of_path(folder, run, ema)]
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of checkpoints at {folder}")
    if (own := run_of(folder)) and (run is None or run.resolve() == own.path.resolve()):
        return [_of_step(own, step, ema) for step in own.steps()] or _nothing(folder)
    models = sorted((path for path in folder.iterdir() if _is_model(path)), key=_by_step)
    return [_of_path(path, run, ema) for path in models] or _nothing(folder)


def whole(checkpoints: Sequence[Checkpoint], failed: list[str]) -> "Iterator[tuple[Checkpoint, LatentDiffusion]]":
    """Each checkpoint that can be read, and its model; the others are named in ``failed`` and told of at once."""
    for checkpoint in checkpoints:
        try:
            model = checkpoint.load()
        except Exception as error:  # whatever is wrong with one file, the others are drawn
            failed.append(checkpoint.name)
            logger.error("%s cannot be drawn and is left out: %s", checkpoint.name, error)
            continue
        yield checkpoint, model


def run_of(folder: Path) -> RunFolder | None:
    """The run that ``folder`` is, or whose checkpoints it holds; None: it is no run's."""
    place = folder.parent if folder.name == "checkpoints" else folder
    return RunFolder.open(place) if any(place.glob("configs/*-project.yaml")) else None


def _nothing(folder: Path) -> list[Checkpoint]:
    raise FileNotFoundError(
        f"{folder} holds no checkpoint: neither a run's files, nor diffusers folders, nor {' or '.join(SINGLE_FILES)}"
    )


def _is_model(path: Path) -> bool:
    return (path / "model_index.json").is_file() or (path.is_file() and path.suffix in SINGLE_FILES)


def _by_step(path: Path) -> tuple[int, str]:
    """Files are named by their step: ``i00700.ckpt``, ``model_gs-199``."""
    numbers = re.findall(r"\d+", path.stem if path.is_file() else path.name)
    return int(numbers[-1]) if numbers else -1, path.name


def _of_path(path: Path, run: Path | None, ema: bool | None) -> Checkpoint:
    averaged = ema if path.is_file() else None  # a folder has one set of weights

    def load() -> "LatentDiffusion":
        return untrained(path, bool(averaged)) if run is None else load_model(run, path, ema=averaged)

    facts = {} if run is None else {"run": run.resolve().name}
    name = path.stem if path.is_file() else path.name
    return Checkpoint(name, load, {"model": str(path), **facts, **chosen(averaged)})


def _of_step(run: RunFolder, step: int, ema: bool | None) -> Checkpoint:
    facts = {"run": run.path.resolve().name, "step": step, **chosen(ema)}
    return Checkpoint(f"step {step}", lambda: load_model(run.path, None, step, ema=ema), facts)


def chosen(ema: bool | None) -> dict[str, Any]:
    """What pictures say where a set of weights was chosen."""
    return {} if ema is None else {"ema": ema}
