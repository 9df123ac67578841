"""Photos drawn by weight, so that what is rare is seen as often as what is not."""

import csv
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


def drawn_by(cumulative: Tensor, seed: int, draw: int) -> int:
    """Which photo the ``draw``-th sample of a run shows; ``cumulative`` (N,) are sums of weights up to 1."""
    at = torch.rand((), generator=generator(seed, "balance", draw), dtype=torch.float64)
    return min(int(torch.searchsorted(cumulative, at)), len(cumulative) - 1)
