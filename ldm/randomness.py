"""Randomness as a function of where we are, not a state that a stop would lose."""

import hashlib

import torch


def generator(seed: int, *place: int | str) -> torch.Generator:
    """A fresh CPU generator for one place in a run: the same words always give the same numbers.

    Example: ``generator(seed, "noise", micro_step, rank)``. Neither the order of calls nor anything drawn elsewhere
    changes what comes out, so a resumed run draws what the uninterrupted one would have drawn.

    Args:
        seed: the run's seed.
        place: what is drawn and where: a word, a step, a rank, an index, ...
    """
    digest = hashlib.blake2b("/".join(map(repr, (seed, *place))).encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))
