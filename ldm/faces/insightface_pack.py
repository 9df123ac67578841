"""SCRFD and ArcFace from an insightface pack that lies on this machine; nothing is ever downloaded."""

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ldm.faces.detect import Face, Picture
from ldm.faces.session import open_session

WEIGHTS = Path("weights") / "insightface"
"""Where packs are looked for, as ``models/<pack>/*.onnx``: below the current folder, then below the repository."""


class PackError(RuntimeError):
    """An insightface pack is missing, incomplete, or its extra is not installed."""


@dataclass(frozen=True)
class Pack:
    """The two files of a pack that are used.

    Attributes:
        name: the pack's folder name.
        detector: SCRFD with five points.
        encoder: ArcFace or a relative, 112 x 112 in.
    """

    name: str
    detector: Path
    encoder: Path


def is_installed() -> bool:
    """Whether the insightface extra is there (it is not imported)."""
    return importlib.util.find_spec("insightface") is not None


def pack_folder(name: str, root: Path | None = None) -> Path:
    """The folder of pack ``name``: ``name`` itself when it is a folder, else ``<root>/models/<name>``."""
    if Path(name).is_dir():
        return Path(name)
    roots = [root] if root else [WEIGHTS, Path(__file__).parents[2] / WEIGHTS]
    folders = [place / "models" / name for place in roots]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def find_pack(name: str, root: Path | None = None) -> Pack:
    """The pack's detector and encoder, told apart by the shapes of their inputs and outputs.

    Raises:
        PackError: no such folder, or one of the two is not in it.
    """
    folder = pack_folder(name, root)
    files = sorted(folder.glob("*.onnx")) if folder.is_dir() else []
    if not files:
        raise PackError(
            f"no insightface pack {name!r}: no .onnx files in {folder}. Download the pack (for example buffalo_l.zip "
            "or antelopev2.zip; weights/README.md says from where; research only) and unpack it so that "
            f"{folder} holds the detector (det_10g.onnx or scrfd_*.onnx) and the recognition network "
            "(w600k_r50.onnx or glintr100.onnx); or take yunet-sface (--backend, in a config face_backend), which "
            "needs no files"
        )
    kinds = {_kind(file): file for file in reversed(files)}
    for kind, example in (("detector", "det_10g.onnx"), ("encoder", "w600k_r50.onnx or glintr100.onnx")):
        if kind not in kinds:
            found = ", ".join(file.name for file in files)
            raise PackError(f"pack {folder} has no {kind} (such as {example}); it holds {found}")
    return Pack(folder.name, kinds["detector"], kinds["encoder"])


def _kind(file: Path) -> str:
    """What the network is for: "detector", "encoder" or "other" (landmarks, age and gender).

    SCRFD with points has nine or fifteen outputs (score, box, points at each stride); a recognition network takes
    112 x 112 and gives one vector.
    """
    import onnx

    graph = onnx.load(str(file)).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(graph.output) in {9, 15}:
        return "detector"
    shape = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim] if inputs else []
    return "encoder" if len(graph.output) == 1 and shape[2:] == [112, 112] else "other"


class Scrfd:
    """SCRFD (Guo et al. 2021) by insightface, loaded at the first picture.

    Args:
        model: its ONNX file.
        score_threshold: faces below are not reported.
        side_px: pictures are shrunk or enlarged into a square of this side for the search.
        threads: how many onnxruntime may use.

    Raises:
        PackError: the insightface extra is not installed.
    """

    def __init__(self, model: Path, score_threshold: float = 0.5, side_px: int = 640, threads: int = 1) -> None:
        if not is_installed():
            raise PackError("insightface packs need the package insightface: pip install 'insightface>=2.1,<3'")
        self.name = f"scrfd-{model.stem}"
        self._model, self._score_threshold, self._side_px, self._threads = model, score_threshold, side_px, threads

    @cached_property
    def _net(self) -> Any:
        from insightface.model_zoo.scrfd import SCRFD

        net = SCRFD(model_file=str(self._model), session=open_session(self._model, self._threads))
        net.prepare(-1, input_size=(self._side_px, self._side_px), det_thresh=self._score_threshold)
        return net

    def __call__(self, image: Picture) -> list[Face]:
        """Faces in ``image``, largest first."""
        boxes, points = self._net.detect(np.ascontiguousarray(image[:, :, ::-1]))
        faces = [
            Face(box[:4].astype(np.float32), five.astype(np.float32), float(box[4]))
            for box, five in zip(boxes, points, strict=True)
        ]
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))
