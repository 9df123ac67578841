"""Who says what a face does: blendshapes, and classifiers that know people's labels only."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from evaluation.attributes import AttributeJudge
from evaluation.au_metrics import MAX_INTENSITY, Values
from evaluation.identity import MIN_SIDE_PX, enlarged
from evaluation.studies.action_units.kept import Kept
from ldm.commands.bars import bar
from ldm.data.action_units.blendshapes import Threshold, unit_scores
from ldm.faces.backend import FaceBackend
from ldm.faces.blendshapes import FaceLandmarker

BY_PEOPLE: Mapping[int, str] = {12: "Smiling", 25: "Mouth_Slightly_Open"}
"""Units of which CelebA has people's labels, under these words."""

Reading = dict[int, float]
"""Intensity 0 to 5 by unit."""
Readings = dict[str, list[Reading | None]]
"""By reader, what it said of each picture."""


def said_by_people(row: Mapping[str, Any]) -> dict[int, bool]:
    """By unit, whether people saw it on the picture of CelebA that ``row`` describes."""
    return {unit: word in row["attributes"] for unit, word in BY_PEOPLE.items()}


class Reader(Protocol):
    """Says of a picture what the largest face does."""

    name: str
    independent: bool
    """Whether it had no part in labelling what a model was trained on."""

    @property
    def present_from(self) -> Mapping[int, float]:
        """The intensity from which on a unit counts as present, of the units that it reads."""
        ...

    def __call__(self, picture: Image.Image) -> Reading | None:
        """Intensities by unit; None without a face."""
        ...


class Blendshapes:
    """MediaPipe's 52 blendshapes, with the thresholds that `label au` set.

    Args:
        landmarker: the networks.
        faces: finds the face.
        thresholds: by unit; others are not read.
    """

    name = "blendshapes"
    independent = False

    def __init__(self, landmarker: FaceLandmarker, faces: FaceBackend, thresholds: Mapping[int, Threshold]) -> None:
        self._landmarker, self._faces, self._thresholds = landmarker, faces, thresholds

    @property
    def present_from(self) -> dict[int, float]:
        """By unit; a threshold in the scale of intensities."""
        return {unit: MAX_INTENSITY * one.at / one.full if one.full else 0.0 for unit, one in self._thresholds.items()}

    def __call__(self, picture: Image.Image) -> Reading | None:
        """Intensities by unit; None without a face. A small picture is enlarged: detectors miss small faces."""
        large, _ = enlarged(picture, MIN_SIDE_PX)
        face = self._faces.largest(large)
        shape = self._landmarker(large, face) if face is not None else None
        if shape is None:
            return None
        scores = unit_scores(shape.scores)
        return {unit: one.intensity(scores[unit]) for unit, one in self._thresholds.items()}


class PeoplesLabels:
    """Classifiers trained on people's labels of CelebA alone; 5 times the probability stands for an intensity.

    Args:
        judge: knows ``Smiling`` and ``Mouth_Slightly_Open``.
    """

    name = "people's labels"
    independent = True

    def __init__(self, judge: AttributeJudge) -> None:
        self._judge = judge
        self.present_from: Mapping[int, float] = dict.fromkeys(BY_PEOPLE, MAX_INTENSITY / 2)

    def __call__(self, picture: Image.Image) -> Reading | None:
        """Intensities of AU12 and AU25; None without a face."""
        said = self._judge([picture])
        found = {unit: MAX_INTENSITY * float(said[name][0]) for unit, name in BY_PEOPLE.items()}
        return None if any(np.isnan(value) for value in found.values()) else found


def read_thresholds(file: Path) -> dict[int, Threshold]:
    """By unit, what `label au` wrote beside its table.

    Raises:
        FileNotFoundError: it is not there; says who writes it.
        ValueError: it is no such file.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"there are no thresholds at {file}: `python -m ldm label au` writes them with its table"
        )
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        found = {int(row["unit"]): Threshold(**row["threshold"]) for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file} is no OUT.thresholds.json of `python -m ldm label au` ({error})") from error
    if not found:
        raise ValueError(f"{file} holds no unit's threshold")
    if (by := rows[0].get("by", "blendshapes")) != "blendshapes":
        raise ValueError(f"{file} has thresholds of {by}, drawn faces are read by blendshapes: label au without --by")
    return found


def read_pictures(
    readers: Sequence[Reader], keys: Sequence[str], opened: Callable[[str], Image.Image], kept: Kept
) -> Readings:
    """What every reader says of every picture, by reader and in the order of ``keys``; each picture is read once.

    Args:
        readers: who reads.
        keys: of the pictures.
        opened: a picture by its key.
        kept: what was read before, and where it is kept.
    """
    found: Readings = {one.name: [] for one in readers}
    with bar("read", len(keys)) as advance:
        for key in keys:
            said = dict(kept.get(key) or {})
            missing = [one for one in readers if one.name not in said]
            if missing:
                picture = opened(key)
                for one in missing:
                    own = one(picture)
                    said[one.name] = None if own is None else {str(u): round(v, 4) for u, v in own.items()}
                kept.put(key, said)
            for one in readers:
                own = said[one.name]
                found[one.name].append(None if own is None else {int(u): float(v) for u, v in own.items()})
            advance(1)
    return found


def column(readings: Sequence[Reading | None], unit: int) -> Values:
    """(N,) the intensity of one unit, NaN without a face."""
    return np.array([np.nan if own is None else own[unit] for own in readings], np.float64)
