"""Models that are named by their address on the Hugging Face hub."""

import re
from pathlib import Path

from ldm.weights.tensors import SUFFIXES


def is_hub_name(source: Path | str) -> bool:
    """Whether ``source`` looks like OWNER/MODEL and names nothing on this disk: no file, and no folder OWNER."""
    path = Path(source)
    return bool(
        re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", path.as_posix())
        and path.suffix not in SUFFIXES
        and not path.exists()
        and not path.parent.exists()
    )


def hub_folder(name: str) -> Path:
    """The diffusers folder of a model on the hub, from the cache or downloaded into it: safetensors only.

    Raises:
        FileNotFoundError: it is not in the cache, and the hub does not have it or cannot be reached.
    """
    from diffusers import DiffusionPipeline
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(name, local_files_only=True))
        if (cached / "unet").is_dir() and (cached / "vae").is_dir():
            return cached
    except LocalEntryNotFoundError:
        pass  # it is downloaded
    left_out = {"safety_checker": None, "feature_extractor": None, "image_encoder": None}
    try:
        return Path(DiffusionPipeline.download(name, use_safetensors=True, **left_out))
    except (OSError, ValueError) as error:  # the hub's own errors are OSErrors
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise FileNotFoundError(
            f"there is no model at {name}; taken for a name on the Hugging Face hub, it is not in the cache and cannot "
            f"be downloaded ({reason}). Without a network, give a folder or a file: weights/README.md says which"
        ) from error
