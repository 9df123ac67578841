"""Contexts of captions that come again, where training does not change what a caption means."""

from collections.abc import Callable, Sequence

import torch

from ldm.batch import Conditioning

MOST_ROWS = 512
"""Contexts that are kept: 120 MB for Stable Diffusion 1.x."""


class RememberedText:
    """Runs the text encoder once for each set of captions: DreamBooth's batches have the same two all the time.

    What comes out depends on the batch's captions alone, not on what was asked before: a resumed run computes what the
    uninterrupted one would have. A batch whose captions are new costs one pass over its distinct ones.
    """

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self.most_rows = most_rows
        self._known: dict[tuple[str, ...], Conditioning] = {}

    def forget(self) -> None:
        """Start anew, because the text encoder is another one or on another device."""
        self._known.clear()

    def __call__(self, captions: Sequence[str], encode: Callable[[Sequence[str]], Conditioning]) -> Conditioning:
        """The conditioning of ``captions``, by ``encode`` where their set is new."""
        distinct = tuple(sorted(set(captions)))
        if distinct not in self._known:
            while self._known and sum(map(len, self._known)) + len(distinct) > self.most_rows:
                self._known.pop(next(iter(self._known)))  # the oldest
            with torch.no_grad():
                self._known[distinct] = encode(distinct)
        known = self._known[distinct]
        rows = torch.tensor([distinct.index(caption) for caption in captions]).to(known.context.device)
        return Conditioning(
            context=known.context[rows],
            pooled=None if known.pooled is None else known.pooled[rows],
            added=None if known.added is None else {key: value[rows] for key, value in known.added.items()},
        )
