"""Captions left out, so that a model also learns what is there without being told: classifier-free guidance."""

from collections.abc import Sequence
from typing import Literal

import torch

Dropout = Literal["rate", "share"]


def drop_captions(captions: Sequence[str], amount: float, kind: Dropout, draws: torch.Generator) -> list[str]:
    """The captions, some of them empty.

    Source: Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", drops each with a rate; face-diffusion a fixed
    share of each batch.

    Args:
        captions: of a batch.
        amount: rate or share.
        kind: ``rate`` drops each with this probability, ``share`` exactly ``floor(amount * B)`` of them.
        draws: decide which.
    """
    if not amount:
        return list(captions)
    scores = torch.rand(len(captions), generator=draws)
    limit = amount if kind == "rate" else float(sorted([*scores.tolist(), 2.0])[int(amount * len(captions))])
    return ["" if score < limit else caption for caption, score in zip(captions, scores.tolist(), strict=True)]
