"""One small interface to faces: find them, crop them, describe them. A detector and an encoder behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.align import arcface_crop, published_crop
from ldm.faces.detect import Face, FaceDetector, YuNet
from ldm.faces.encode import FaceEncoder, arcface, sface
from ldm.faces.glint360k import NAME as GLINT360K
from ldm.faces.glint360k import BackboneError, backbone_file, glint360k
from ldm.faces.insightface_pack import PackError, Scrfd, find_pack, is_installed
from ldm.faces.model_files import YUNET, packaged

BUILT_IN = "yunet-sface"
PREFERRED_PACKS = ("antelopev2", "buffalo_l")
"""Looked for by ``auto`` after celeb basis' own network, best first: antelopev2's glintr100 is of its family."""

FaceCrop = Literal["five_points", "published"]
"""How a face is cut out for its network: as it was trained, or as CelebBasis did."""
_CROPS = {"five_points": arcface_crop, "published": published_crop}


@dataclass(frozen=True)
class FaceVectors:
    """What the vectors of a backend are: those of different names cannot be compared.

    Attributes:
        name: the network's, with "@published" behind it for that crop.
        dim: how many numbers.
    """

    name: str
    dim: int


def network_of(vectors: str) -> str:
    """The network that makes vectors of this name, however it is shown the face."""
    return vectors.partition("@")[0]


@dataclass(frozen=True)
class FaceBackend:
    """A detector and an encoder that work together.

    Attributes:
        name: "yunet-sface", "glint360k", the insightface pack's name, or "PACK+glint360k".
        detector: finds faces, largest first.
        encoder: turns 112-px crops into unit vectors.
        crop: how a face is cut out for the encoder.
    """

    name: str
    detector: FaceDetector
    encoder: FaceEncoder
    crop: FaceCrop = "five_points"

    @property
    def vectors_name(self) -> str:
        """What its vectors are called; known without loading a network."""
        return self.encoder.name if self.crop == "five_points" else f"{self.encoder.name}@{self.crop}"

    @property
    def vectors(self) -> FaceVectors:
        """Name and size of its vectors."""
        return FaceVectors(self.vectors_name, self.encoder.dim)

    def with_crop(self, crop: FaceCrop) -> "FaceBackend":
        """The same networks, shown faces in this way."""
        return replace(self, crop=crop)

    def for_vectors(self, name: str) -> "FaceBackend":
        """The same networks, shown faces as vectors called ``name`` need it.

        Raises:
            ValueError: they are another network's.
        """
        crop: FaceCrop = "published" if name.endswith("@published") else "five_points"
        found = self.with_crop(crop)
        if found.vectors_name != name:
            raise ValueError(f"face vectors of {name} are needed, {self.name} gives those of {found.vectors_name}")
        return found

    def faces(self, image: Image.Image) -> list[Face]:
        """All faces in ``image`` (RGB), largest first."""
        return self.detector(np.asarray(image))

    def largest(self, image: Image.Image) -> Face | None:
        """The largest face in ``image`` (RGB), or None."""
        return next(iter(self.faces(image)), None)

    def describe(self, image: Image.Image, face: Face) -> NDArray[np.float32]:
        """Unit vector (F,) of ``face``, found in ``image`` (RGB)."""
        return np.asarray(self.encoder([np.asarray(_CROPS[self.crop](image, face.points))])[0], np.float32)

    def describe_all(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(N, F) unit vectors of the largest face of each of ``images`` (RGB).

        Raises:
            ValueError: in one of them no face is found.
        """
        found = [(image, self.largest(image)) for image in images]
        missing = [place for place, (_, face) in enumerate(found, 1) if face is None]
        if missing:
            raise ValueError(f"no face is found in {len(missing)} of {len(found)} pictures, first number {missing[0]}")
        return np.stack([self.describe(image, face) for image, face in found if face is not None])


def load_backend(name: str = "auto", root: Path | None = None, threads: int = 1) -> FaceBackend:
    """The face backend called ``name``.

    Args:
        name: "yunet-sface" (built in); "glint360k": YuNet and the face network of CelebBasis, from its backbone.pth;
            the name of an insightface pack under ``root``, or a folder with its ONNX files; "PACK+glint360k": faces
            found by the pack, described by backbone.pth; or "auto": the first that lies there of glint360k, and, if
            insightface is installed, antelopev2 and buffalo_l, else "yunet-sface".
        root: where packs are, as ``<root>/models/<pack>/``; weights/insightface when not given.
        threads: how many the networks may use.

    Raises:
        PackError: the pack or the insightface extra is missing; says what to put where.
        BackboneError: backbone.pth is missing, damaged or another network.
        ModelFileError: a built-in network's file is missing or altered.
    """
    if name == "auto":
        name = _first_there(root)
    if name == BUILT_IN:
        return FaceBackend(name, YuNet(packaged(YUNET)), sface(threads))
    if name == GLINT360K:
        return FaceBackend(name, YuNet(packaged(YUNET)), glint360k(threads))
    found_by, plus, described_by = name.rpartition("+")
    if plus and described_by == GLINT360K:
        pack = find_pack(found_by, root)
        return FaceBackend(f"{pack.name}+{GLINT360K}", Scrfd(pack.detector, threads=threads), glint360k(threads))
    pack = find_pack(name, root)
    return FaceBackend(pack.name, Scrfd(pack.detector, threads=threads), arcface(pack.encoder, threads=threads))


def _first_there(root: Path | None) -> str:
    """The best backend whose files are here."""
    try:
        backbone_file()
    except BackboneError:
        return _first_complete_pack(root) or BUILT_IN
    return GLINT360K


def _first_complete_pack(root: Path | None) -> str | None:
    """The first of ``PREFERRED_PACKS`` that can be used here, or None."""
    if not is_installed():
        return None
    for name in PREFERRED_PACKS:
        try:
            find_pack(name, root)
        except PackError:
            continue
        return name
    return None
