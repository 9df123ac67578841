"""The files a user shares, as safetensors with what is needed to use them again."""

from pathlib import Path

from ldm.files import atomic_path
from ldm.modules.personalization import Artifact

PUBLISHED = "; `python -m ldm convert people IN OUT.safetensors --to ours` makes one of a .pt file of people"


def write_artifact(path: Path, artifact: Artifact) -> Path:
    """Write ``artifact`` to ``path`` (.safetensors), atomically."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in artifact.tensors.items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"name": artifact.name, **artifact.metadata})
    return path


def read_artifact(path: Path) -> Artifact:
    """The artifact in ``path``.

    Raises:
        FileNotFoundError: no such file; the ones beside it are named.
        ValueError: it is no readable safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        beside = ", ".join(sorted(p.name for p in path.parent.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(f"there is no {path}; .safetensors files beside it: {beside}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        advice = PUBLISHED if path.suffix in (".pt", ".pth") else ""
        raise ValueError(f"{path} is not a readable .safetensors file: {error}{advice}") from error
    return Artifact(metadata.pop("name", path.stem), tensors, metadata)
