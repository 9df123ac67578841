"""Action units of pictures that have no labels: measured by networks, thresholds set on a calibration split."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ldm.data.action_units.blendshapes import (
    TABLES,
    Source,
    Threshold,
    by_labels,
    by_rate,
    by_table,
    is_calibration,
    unit_scores,
)
from ldm.data.action_units.sample import AuDataError, AuSample
from ldm.faces.photos import read_photo

logger = logging.getLogger(__name__)

Measure = Callable[[Image.Image], dict[str, float] | None]
"""Blendshapes, or what else is measured, of the largest face of a picture; None where there is none."""


class Scores:
    """What was measured so far, one JSON object a line, so that a long job can be stopped and goes on.

    Args:
        file: the lines; a last one that was cut off is measured again.
        root: paths in it are relative to this folder.
    """

    def __init__(self, file: Path, root: Path) -> None:
        self.file, self.root = file, root
        self.rows: dict[Path, dict[str, float]] = {}
        whole = []
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            try:
                row: dict[str, Any] = json.loads(line)
            except ValueError:
                break
            self.rows[root / row["path"]] = row["blendshapes"]
            whole.append(line)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            file.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")

    def measure(
        self, pictures: Sequence[Path], measure: Measure, advance: Callable[[int], None], strict: bool = False
    ) -> list[tuple[Path, str]]:
        """Measure those of ``pictures`` that were not before; which failed and why.

        Raises:
            AuDataError: one failed, in strict mode; what was measured before it is kept.
        """
        failures = []
        with self.file.open("a", encoding="utf-8") as lines:
            for path in pictures:
                if path not in self.rows:
                    try:
                        found = measure(read_photo(path))
                    except (ValueError, OSError) as error:
                        failures.append((path, str(error)))
                    else:
                        if found is None:
                            failures.append((path, "no face found"))
                        else:
                            self.rows[path] = found
                            scores = {name: round(value, 6) for name, value in found.items()}
                            row = {"path": path.relative_to(self.root).as_posix(), "blendshapes": scores}
                            lines.write(json.dumps(row) + "\n")
                            lines.flush()
                    if strict and failures:
                        raise AuDataError(f"{failures[0][0]}: {failures[0][1]} (strict mode stops at the first)")
                advance(1)
        return failures


@dataclass(frozen=True)
class Judged:
    """How a unit's labels came out.

    Attributes:
        unit: which.
        threshold: from where on it is present.
        present: share of all pictures.
        auc: of the scores against people's labels on subjects that set no threshold; None where there are none.
        f1: of the labels there.
        by: who measures: a name of ``TABLES``. A threshold is one of its numbers.
    """

    unit: int
    threshold: Threshold
    present: float
    auc: float | None = None
    f1: float | None = None
    by: str = "blendshapes"

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file beside the table."""
        return asdict(self)


def label(
    scores: Mapping[Path, Mapping[str, float]],
    subjects: Mapping[Path, str],
    truth: Mapping[Path, Mapping[int, bool | None]],
    share: float,
    rate: float,
    weak: bool = False,
    by: str = "blendshapes",
) -> tuple[list[AuSample], list[Judged]]:
    """Labels of measured pictures, and how each unit's came out.

    Args:
        scores: what was measured, by picture.
        subjects: who is on each.
        truth: people's labels, where there are some.
        share: of the subjects, whose pictures set the thresholds.
        rate: share of pictures in which a unit without people's labels counts as present.
        weak: units too that the network hardly moves for.
        by: who measured: a name of ``TABLES``.

    Raises:
        ValueError: nobody is left to set thresholds by.
    """
    paths, table = list(scores), TABLES[by]
    units = {path: unit_scores(scores[path], table) for path in paths}
    calibration = [path for path in paths if is_calibration(subjects[path], share)]
    if not calibration:
        raise ValueError(f"of {len(paths)} pictures, none is of a subject in the calibration split: raise its share")
    judged = [
        replace(_judge(unit, one, units, truth, calibration, rate), by=by)
        for unit, one in table.items()
        if weak or not one.weak
    ]
    samples = [
        AuSample(
            path,
            subjects[path],
            occurrence={one.unit: one.threshold.present(units[path][one.unit]) for one in judged},
            intensity={one.unit: one.threshold.intensity(units[path][one.unit]) for one in judged},
        )
        for path in paths
    ]
    return samples, judged


def _judge(
    unit: int,
    source: Source,
    units: Mapping[Path, Mapping[int, float]],
    truth: Mapping[Path, Mapping[int, bool | None]],
    calibration: Sequence[Path],
    rate: float,
) -> Judged:
    from sklearn.metrics import f1_score, roc_auc_score

    said = {path: known for path in units if (known := truth.get(path, {}).get(unit)) is not None}
    ours = [path for path in calibration if path in said]
    if len({said[path] for path in ours}) == 2:
        threshold = by_labels([units[path][unit] for path in ours], [said[path] for path in ours])
    else:
        scores = [units[path][unit] for path in calibration]
        threshold = by_rate(scores, rate) if source.at is None else by_table(scores, source.at)
    share = sum(threshold.present(one[unit]) for one in units.values()) / len(units)
    rest = [path for path in said if path not in set(calibration)]
    if len({said[path] for path in rest}) < 2:
        return Judged(unit, threshold, share)
    values, labels = [units[path][unit] for path in rest], [said[path] for path in rest]
    f1 = f1_score(labels, [threshold.present(value) for value in values])
    return Judged(unit, threshold, share, float(roc_auc_score(labels, values)), float(f1))
