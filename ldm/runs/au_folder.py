"""Labelled pictures as a folder to train on: links to the pictures, captions beside them, tables about them."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ldm.data.action_units.captions import CaptionMode, au_caption
from ldm.data.action_units.facs import FACS
from ldm.data.action_units.people import folds, require_disjoint
from ldm.data.action_units.sample import AuSample, Oddities
from ldm.data.action_units.statistics import base_rates, sample_weights, unit_weights
from ldm.data.action_units.tables import write_table
from ldm.files import atomic_path, require_writable, write_text

LABELS, RATES, VECTORS, REPORT = "labels.csv", "base_rates.csv", "action_units.npz", "report.json"


@dataclass(frozen=True)
class AuFolder:
    """How labelled pictures are written.

    Attributes:
        out: the folder; added to, never wiped.
        source: bp4d, disfa, list or csv: which folds are the literature's.
        mode: of the captions.
        units: that are said and written, in their order.
        copy: copy pictures instead of linking to them.
    """

    out: Path
    source: str
    mode: CaptionMode
    units: Sequence[int]
    copy: bool = False

    def write(self, samples: Sequence[AuSample], odd: Oddities, advance: Callable[[int], None]) -> list[AuSample]:
        """Write ``samples``; those that were written, with the paths they have now.

        A picture goes to ``SUBJECT/TASK/NAME.jpg``. ``labels.csv`` can be read again as a plain table; its columns
        ``fold`` and ``weight`` are the literature's three folds, by subject, and inverse frequencies.
        """
        require_writable(self.out)
        written: list[AuSample] = []
        for sample in samples:
            target = self.out / sample.subject / sample.task / sample.path.name
            if self._put(sample.path, target):
                caption = au_caption(sample, self.mode, self.units)
                write_text(target.with_suffix(".txt"), f"{caption}\n")
                written.append(replace(sample, path=target))
            else:
                odd.add("another picture of this name is there already", target)
            advance(1)
        if written:
            self._write_tables(written)
        about = {
            "source": self.source, "mode": self.mode, "units": list(self.units), "pictures": len(written),
            "subjects": len({one.subject for one in written}), "odd": odd.lines(),
        }  # fmt: skip
        write_text(self.out / REPORT, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        return written

    def _put(self, source: Path, target: Path) -> bool:
        """Link or copy a picture; False if something else stands there."""
        if target.is_symlink() or target.exists():
            if target.is_symlink():
                return target.resolve() == source.resolve()
            return target.stat().st_size == source.stat().st_size
        target.parent.mkdir(parents=True, exist_ok=True)
        if not self.copy:
            try:
                target.symlink_to(source.resolve())
            except OSError:  # a file system, or a Windows account, without links
                pass
            else:
                return True
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        return True

    def _write_tables(self, written: Sequence[AuSample]) -> None:
        fold = folds(written, self.source)
        by_fold = {str(n): {one.subject for one, own in zip(written, fold, strict=True) if own == n} for n in (1, 2, 3)}
        require_disjoint(by_fold)
        weights = [f"{weight:.4g}" for weight in sample_weights(written)]
        write_table(self.out / LABELS, written, self.out, {"fold": fold, "weight": weights})
        rates = base_rates(written)
        per_unit = unit_weights(rates)
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["unit", "name", "known", "present", "rate", "always_f1", "weight"])
        for one in rates:
            name = FACS[one.unit].name if one.unit in FACS else ""
            numbers = (f"{value:.4f}" for value in (one.rate, one.always_f1, per_unit[one.unit]))
            rows.writerow([one.unit, name, one.known, one.present, *numbers])
        write_text(self.out / RATES, text.getvalue())
        self._write_vectors(written)

    def _write_vectors(self, written: Sequence[AuSample]) -> None:
        """``paths`` (N,), ``units`` (A,), ``occurrence`` and ``intensity`` (N, A) float32, NaN where unknown."""
        there = [[_number(one.occurrence.get(unit)) for unit in self.units] for one in written]
        grades = [[_number(one.intensity.get(unit)) for unit in self.units] for one in written]
        with atomic_path(self.out / VECTORS) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                paths=np.array([one.path.relative_to(self.out).as_posix() for one in written]),
                units=np.array(self.units, np.int64),
                occurrence=np.array(there, np.float32),
                intensity=np.array(grades, np.float32),
            )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
