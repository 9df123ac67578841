"""Photos drawn by weight, so that what is rare is seen as often as what is not."""

import csv
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ldm.randomness import generator


def read_weights(table: Path) -> dict[Path, float]:
    """Picture -> weight, by the columns ``path`` (relative to the table) and ``weight``.

    Raises:
        ValueError: there is no such table, it lacks a column, or a weight is no positive number.
    """
    if not table.is_file():
        raise ValueError(f"balance: there is no table {table}")
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"path", "weight"} <= rows[0].keys():
        there = ", ".join(rows[0]) if rows else "none"
        raise ValueError(f"balance: {table} has the columns {there}; path and weight are wanted, as prepare au writes")
    weights = {}
    for number, row in enumerate(rows, 2):
        try:
            weight = float(row["weight"])
        except ValueError:
            weight = 0.0
        if weight <= 0:
            raise ValueError(f"{table}, line {number}: the weight {row['weight']!r} is no positive number")
        weights[(table.parent / row["path"]).absolute()] = weight
    return weights


def cumulative(table: Path, photos: Sequence[Path]) -> Tensor:
    """(N,) how often each of ``photos`` is drawn by the weights in ``table``, as sums over those before it, up to 1.

    Raises:
        ValueError: the table is not there or broken, or has no weight of a photo.
    """
    weights = read_weights(table)
    if missing := [photo for photo in photos if photo.absolute() not in weights]:
        raise ValueError(f"{table} has no weight for {len(missing)} of {len(photos)} photos, first {missing[0]}")
    listed = torch.tensor([weights[photo.absolute()] for photo in photos], dtype=torch.float64)
    return (listed / listed.sum()).cumsum(0)


def drawn_by(sums: Tensor, seed: int, draw: int) -> int:
    """Which photo the ``draw``-th sample of a run shows; ``sums`` (N,) are those of :func:`cumulative`."""
    at = torch.rand((), generator=generator(seed, "balance", draw), dtype=torch.float64)
    return min(int(torch.searchsorted(sums, at)), len(sums) - 1)
