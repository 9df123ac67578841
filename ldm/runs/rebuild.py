"""The model of a finished run, built as its own config says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.names import tokenizer_id
from ldm.modules.personalization import Artifact
from ldm.runs.folder import RunFolder
from ldm.util import instantiate_from_config

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion


def rebuilt(
    folder: RunFolder, weights: Path | None, artifacts: Sequence[Artifact], ema: bool | None = None
) -> "LatentDiffusion":
    """The model that the run's config describes, on ``weights`` (the config's if None) and the basis of its files.

    Args:
        folder: the run.
        weights: a folder or a single file.
        artifacts: what it exported; what they say of their basis is looked at.
        ema: the averaged ones of two sets of weights; None takes those that the run was trained on.
    """
    config = OmegaConf.to_container(OmegaConf.load(folder.project_config), resolve=True)
    assert isinstance(config, dict)  # a project file is a mapping: RunFolder wrote it
    node: dict[str, Any] = config["model"]
    params = node["params"]
    if weights is not None:
        params["ckpt_path"] = str(weights)
    params["ckpt_ema"] = _averaged(params, weights) if ema is None else ema
    _start_from_nothing(params.get("personalization_config"))
    if bases := {artifact.metadata["basis"] for artifact in artifacts if "basis" in artifact.metadata}:
        stage = params.setdefault("cond_stage_config", {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder"})
        stage.setdefault("params", {})["basis_file"] = str(folder.checkpoints / f"basis-{bases.pop()}.safetensors")
    model: LatentDiffusion = instantiate_from_config(node, only_draw=True)
    require_own_words(model)
    return model


def require_own_words(model: Any) -> None:
    """Nothing, if the celeb basis of ``model`` goes with its words; a model without one has nothing to fit.

    Raises:
        ValueError: see :func:`require_words_of`.
    """
    text: Any = getattr(model, "cond_stage_model", None)
    if getattr(text, "celeb_basis", None) is not None:
        width = text.transformer.get_input_embeddings().embedding_dim
        require_words_of(text.celeb_basis, text.tokenizer, width, model.weights_folder)


def _averaged(params: Mapping[str, Any], weights: Path | None) -> bool:
    """What the config says; a folder in place of the config's file has one set of weights only."""
    return bool(params.get("ckpt_ema", False)) and (weights is None or weights.is_file())


def _start_from_nothing(node: Any) -> None:
    """Take out the file that the run started from: what it exported itself is loaded, and that file may be gone."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _start_from_nothing(value)
    if isinstance(node, dict):
        for key in ("embedding_manager_ckpt", "lora_ckpt"):
            node.pop(key, None)


def require_words_of(basis: CelebBasis, tokenizer: Any, width: int, weights: Path) -> None:
    """Nothing, if people on ``basis`` can be drawn by a model with this tokenizer and token vectors of ``width``.

    Raises:
        ValueError: they were learned on a model with other words, or token vectors of another width.
    """
    if basis.width != width:
        raise ValueError(
            f"the people were learned with token vectors of width {basis.width}, those of {weights} have {width}: "
            "give the weights that they were learned on"
        )
    made = basis.origin.tokenizer_id
    if made and made != (here := tokenizer_id(tokenizer)):
        raise ValueError(
            f"the people were learned on a model with other words (tokenizer {made}) than {weights} has (tokenizer "
            f"{here}): give the weights that they were learned on"
        )
