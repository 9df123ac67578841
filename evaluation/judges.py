"""Judges by name, and the constants that were measured for each."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.identity import FaceJudge, Judge
from ldm.faces.backend import load_backend
from ldm.faces.encode import CENTRED, IMAGENET, RAW, OnnxEncoder, Preprocessing, arcface

STRANGERS = Path(__file__).with_name("strangers.json")
"""Cosines between strangers, per judge and picture size; made by ``python -m ldm study strangers``."""

PREPROCESSING: dict[str, Preprocessing] = {"raw": RAW, "centred": CENTRED, "imagenet": IMAGENET}
"""How a network wants its pixels: 0 to 255, -1 to 1, or ImageNet's mean and deviation; RGB."""


def load_judge(name: str = "auto", root: Path | None = None, threads: int = 1) -> FaceJudge:
    """The judge called ``name``.

    Args:
        name: a face backend (``auto``, ``yunet-sface``, an insightface pack), or any identity network as
            ``FILE.onnx`` (insightface's family) or ``FILE.onnx:PREPROCESSING`` with raw, centred or imagenet; such a
            network looks at crops found by YuNet.
        root: where insightface packs are.
        threads: how many the networks may use.

    Raises:
        FileNotFoundError: the ONNX file is not there.
        ValueError: no such preprocessing.
    """
    file, _, preprocessing = name.partition(":")
    if not file.endswith(".onnx"):
        backend = load_backend(name, root, threads)
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
    sides = _measured(table).get(judge.name)
    if sides is None:
        raise LookupError(
            f"judge {judge.name} has no measured percentile of strangers (known: {', '.join(_measured(table))}); "
            "measure it: python -m ldm study strangers --photos LFW --judge NAME"
        )
    measured = sorted(int(side) for side in sides)
    fitting = [side for side in measured if side_px is None or side <= side_px] or measured[:1]
    return float(sides[str(fitting[-1])]["p5"])
