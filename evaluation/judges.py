"""Judges by name, and the constants that were measured for each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import dlib_judge
from evaluation.identity import FaceJudge, Judge
from ldm.faces.backend import load_backend
from ldm.faces.detect import Face, FaceDetector, Picture
from ldm.faces.encode import CENTRED, IMAGENET, RAW, OnnxEncoder, Preprocessing, arcface
from ldm.faces.insightface_pack import PackError

STRANGERS = Path(__file__).with_name("strangers.json")
"""Cosines between strangers, per judge and picture size; made by ``python -m ldm study strangers``."""

PREPROCESSING: dict[str, Preprocessing] = {"raw": RAW, "centred": CENTRED, "imagenet": IMAGENET}
"""How a network wants its pixels: 0 to 255, -1 to 1, or ImageNet's mean and deviation; RGB."""


KINDS = (
    "judges are yunet-sface, dlib, glint360k, the name or folder of an insightface pack, PACK+glint360k, and any "
    f"identity network as FILE.onnx or FILE.onnx:PREPROCESSING with {', '.join(PREPROCESSING)}; "
    "auto takes the best that is here"
)


def load_judge(name: str = "auto", root: Path | None = None, threads: int = 1) -> Judge:
    """The judge called ``name``.

    Args:
        name: a face backend (``auto``, ``yunet-sface``, ``glint360k``, an insightface pack); ``dlib``; or any identity
            network as ``FILE.onnx`` (insightface's family) or ``FILE.onnx:PREPROCESSING`` with raw, centred or
            imagenet; dlib and such a network look at faces found by YuNet.
        root: where insightface packs are.
        threads: how many the networks may use.

    Raises:
        FileNotFoundError: the ONNX file is not there.
        ImportError: dlib is not installed.
        PackError: no such judge or pack; the kinds of judges that there are, are listed.
        ValueError: no such preprocessing.
    """
    if name == dlib_judge.NAME:
        return dlib_judge.DlibJudge(load_backend("yunet-sface").detector)
    file, _, preprocessing = name.partition(":")
    if not file.endswith(".onnx"):
        try:
            backend = load_backend(name, root, threads)
        except PackError as error:
            raise PackError(f"judge {name}: {KINDS}. {error}") from None
        return FaceJudge(backend.detector, backend.encoder)
    if not Path(file).is_file():
        raise FileNotFoundError(f"judge {name}: there is no file {file}")
    if preprocessing and preprocessing not in PREPROCESSING:
        raise ValueError(f"judge {name}: preprocessing is one of {', '.join(PREPROCESSING)}, not {preprocessing!r}")
    encoder = (
        OnnxEncoder(Path(file), Path(file).stem, PREPROCESSING[preprocessing], threads)
        if preprocessing
        else arcface(Path(file), threads=threads)
    )
    return FaceJudge(load_backend("yunet-sface").detector, encoder)


def judges_here() -> list[str]:
    """Names of the judges that need nothing but what is installed; the others are named by the user."""
    return ["yunet-sface", *([dlib_judge.NAME] if dlib_judge.is_installed() else [])]


@cache
def _measured(path: Path) -> dict[str, Any]:
    """The table of ``path``: judge -> picture side in px -> percentiles."""
    judges: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["judges"]
    return judges


def strangers_percentile(judge: Judge, side_px: int | None = None, table: Path = STRANGERS) -> float:
    """5th percentile of the judge's cosine between a photo of one person and a picture of another.

    Args:
        judge: whose constant.
        side_px: size of the pictures that are scored; the constant was measured with pictures of several sizes and the
            largest one not above is taken, the smallest below all, the full size without ``side_px``.
        table: the measured constants.

    Raises:
        LookupError: it was not measured for this judge; says how to.
    """
    return float(_constants(judge, side_px, table)[1]["p5"])


@dataclass(frozen=True)
class Calibration:
    """What a judge's cosines mean, measured on real people's photos.

    Attributes:
        undetected: the 5th percentile between strangers, what a picture without a face counts as.
        stranger: the median between strangers.
        same: the mean between two photos of one person.
        threshold: what one in a thousand pairs of strangers exceeds (FAR 1e-3).
        side_px: size of the pictures it was measured with.
        people: how many people it was measured on.
    """

    undetected: float
    stranger: float
    same: float
    threshold: float
    side_px: int
    people: int


def calibration(judge: Judge, side_px: int | None = None, table: Path = STRANGERS) -> Calibration:
    """The constants of ``judge`` for pictures of ``side_px``, chosen as :func:`strangers_percentile` says.

    Raises:
        LookupError: they were not measured for this judge; says how to.
    """
    side, found = _constants(judge, side_px, table)
    return Calibration(
        undetected=float(found["p5"]),
        stranger=float(found["p50"]),
        same=float(found["matched_mean"]),
        threshold=float(found["threshold_far_1e-3"]),
        side_px=side,
        people=int(found["people"]),
    )


def _constants(judge: Judge, side_px: int | None, table: Path) -> tuple[int, dict[str, Any]]:
    """The size that was measured, and what was found there."""
    sides = _measured(table).get(judge.name)
    if sides is None:
        raise LookupError(
            f"judge {judge.name} has no measured percentile of strangers (known: {', '.join(_measured(table))}); "
            "measure it: python -m ldm study strangers --photos LFW --judge NAME"
        )
    measured = sorted(int(side) for side in sides)
    fitting = [side for side in measured if side_px is None or side <= side_px] or measured[:1]
    return fitting[-1], sides[str(fitting[-1])]


class RememberingDetector:
    """A detector that is asked about the same picture by several judges and looks once.

    Args:
        detector: the one that looks.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self.name, self._detector = detector.name, detector
        self._last: tuple[Picture, list[Face]] | None = None

    def __call__(self, image: Picture) -> list[Face]:
        """Faces in ``image``, largest first."""
        if self._last is None or not np.array_equal(self._last[0], image):
            self._last = image, self._detector(image)
        return self._last[1]


def share_detectors(judges: Sequence[Judge]) -> None:
    """Let judges with the same detector look for faces once a picture."""
    shared: dict[str, RememberingDetector] = {}
    for judge in judges:
        if isinstance(judge, FaceJudge | dlib_judge.DlibJudge):
            judge.detector = shared.setdefault(judge.detector.name, RememberingDetector(judge.detector))
