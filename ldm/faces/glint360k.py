"""The face network of the published celeb basis, from ``backbone.pth`` as it lies there.

It is read once, checked, and written beside itself as ``backbone.onnx``; later only that is read, as long as it was
made of the same ``backbone.pth``.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ldm.faces.encode import CENTRED, OnnxEncoder
from ldm.faces.model_files import ModelFileError, sha256_of

logger = logging.getLogger(__name__)

NAME = "glint360k"
FOLDER = Path("weights") / "glint360k_cosface_r100_fp16_0.1"
"""Where CelebBasis keeps it: below the current folder, then below the repository."""
WEIGHTS = "backbone.pth"
MADE_OF = "sha256 of backbone.pth"


class BackboneError(ModelFileError):
    """``backbone.pth`` is missing, damaged, or another network."""


def backbone_file() -> Path:
    """``backbone.pth`` where it is expected.

    Raises:
        BackboneError: it is not there; says what to put where.
    """
    places = [FOLDER / WEIGHTS, Path(__file__).parents[2] / FOLDER / WEIGHTS]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise BackboneError(
            f"face network {NAME}: there is no {places[0]}. Put insightface's IResNet-100 trained by CosFace on "
            "Glint360K there (weights/README.md says from where), or take yunet-sface, which needs no files"
        )
    return found


def glint360k(threads: int = 1) -> OnnxEncoder:
    """The encoder; at the first call ``backbone.onnx`` is written beside ``backbone.pth``.

    Raises:
        BackboneError: the file is missing, damaged or another network.
        OSError: its folder cannot be written.
    """
    weights = backbone_file()
    return OnnxEncoder(exported(weights), NAME, CENTRED, threads, dim=512)


def exported(weights: Path) -> Path:
    """``backbone.onnx`` beside ``weights``, made now if it is not there or was made of another file.

    Raises:
        BackboneError: ``weights`` is no IResNet-100.
    """
    path, made_of = weights.with_suffix(".onnx"), sha256_of(weights)
    if path.is_file() and _made_of(path) == made_of:
        return path
    from ldm.faces.iresnet import IResNet
    from ldm.faces.iresnet_onnx import write_onnx

    tensors = read_backbone(weights)
    net = IResNet().eval()
    require_same(tensors, net.state_dict(), weights)
    net.load_state_dict(tensors)
    write_onnx(net, path, {MADE_OF: made_of})
    logger.info("%s was checked and written as %s; that is read from now on", weights, path)
    return path


def _made_of(path: Path) -> str | None:
    """Of which file ``path`` was made; None where it is no ONNX file of ours."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    from ldm.faces.iresnet_onnx import metadata_of

    try:
        return metadata_of(path).get(MADE_OF)
    except DecodeError:
        return None


def read_backbone(path: Path) -> dict[str, Any]:
    """The tensors of ``backbone.pth``, nothing in the file being run.

    Raises:
        BackboneError: it cannot be read, or holds anything but tensors by name.
    """
    import pickle

    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"{path} cannot be read as weights: {reason}. Was the download cut off?") from error
    if not isinstance(held, Mapping) or not all(isinstance(value, torch.Tensor) for value in held.values()):
        raise BackboneError(f"{path} is another network: it holds {describe(held)}, not IResNet-100")
    return dict(held)


def require_same(found: Mapping[str, Any], expected: Mapping[str, Any], path: Path) -> None:
    """Nothing, if ``found`` has the names and shapes of ``expected``; batches counted in training may lack.

    Raises:
        BackboneError: it has not; the message says which network was found.
    """
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(expected.keys() - found.keys() - counters)
    unknown = sorted(found.keys() - expected.keys())
    other = [name for name in expected.keys() & found.keys() if found[name].shape != expected[name].shape]
    if missing or unknown or other:
        faults = [
            *([f"{len(missing)} tensors lack, first {missing[0]}"] if missing else []),
            *([f"{len(unknown)} are unknown, first {unknown[0]}"] if unknown else []),
            *([f"{len(other)} have another shape, first {sorted(other)[0]}"] if other else []),
        ]
        raise BackboneError(
            f"{path} is another network: it holds {describe(found)}, not IResNet-100 ({'; '.join(faults)})"
        )


def describe(held: Any) -> str:
    """What a file holds, for people: "an IResNet-50", "a dict with ...", "412 tensors, first ..."."""
    from ldm.faces.iresnet import BLOCKS

    if not isinstance(held, Mapping):
        return f"a {type(held).__name__}"
    names = [str(name) for name in held]
    stages: dict[int, int] = {}
    for name in names:
        if match := re.match(r"layer(\d)\.(\d+)\.prelu\.weight", name):
            stages[int(match[1])] = max(stages.get(int(match[1]), 0), int(match[2]) + 1)
    blocks = tuple(stages[number] for number in sorted(stages))
    if blocks:
        called = f"IResNet-{BLOCKS[blocks]}" if blocks in BLOCKS else "IResNet"
        return f"an {called} ({', '.join(map(str, blocks))} blocks)"
    if any(not hasattr(value, "shape") for value in held.values()):
        return f"a dict with {', '.join(names[:5])}"
    return f"{len(names)} tensors, first {names[0]}" if names else "nothing"
