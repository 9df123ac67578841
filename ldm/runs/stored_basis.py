"""A run that goes on keeps the celeb basis that lies in it."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf, open_dict

from ldm.runs.folder import RunFolder
from ldm.runs.rebuild import require_own_words
from ldm.runs.settings import saved_config
from ldm.runs.train import build_model

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule

STAGE = "model.params.cond_stage_config"


def model_to_go_on(config: DictConfig, run: RunFolder, seed: int) -> "LightningModule":
    """The model of ``config`` on the basis of ``run``.

    Raises:
        ValueError: the basis does not go with the words of the weights.
    """
    model = build_model(with_stored_basis(config, run), seed)
    require_own_words(model)
    return model


def with_stored_basis(config: DictConfig, run: RunFolder) -> DictConfig:
    """``config``, whose model takes the basis in ``run`` instead of making it.

    Lists of names change, and axes past their rank differ from machine to machine. ``config`` is unchanged
    where there is no basis, and where the text side is not what it was: then one is made as asked for, and the
    checkpoint refuses any but its own.
    """
    stored: list[Path] = sorted(run.checkpoints.glob("basis-*.safetensors"))
    if len(stored) != 1 or OmegaConf.select(config, STAGE) != OmegaConf.select(saved_config(run), STAGE):
        return config
    taken = config.copy()
    with open_dict(taken):
        OmegaConf.update(taken, f"{STAGE}.params.basis_file", str(stored[0]))
    return taken
