"""What travels between the floors.

Shape letters, the same everywhere: B batch · P people · C, H, W pixels · h, w latent · L tokens · D token width ·
E vectors per placeholder · K components · M names · F width of a face vector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from torch import Tensor

EmbeddingEdit = Callable[[Tensor, Tensor], Tensor]
"""(input_ids (N, L), token vectors (N, L, D)) -> token vectors (N, L, D)."""


class Batch(TypedDict, total=False):
    """One training batch. A data set fills what it has; a method reads what it needs."""

    image: Tensor  # (B, C, H, W) in [-1, 1]
    latents: Tensor  # (B, c, h, w), already scaled: given instead of, or beside, ``image``
    caption: list[str]  # B captions, placeholders as words
    embedding: Tensor  # (B, D) vectors of the pictures themselves, zeros where the caption counts
    faces: Tensor  # (B, P, F) unit face vectors of the people, in the order of the placeholders
    ids: Tensor  # (B, P) int64, index of each person in the run; -1 where a picture has fewer people
    vectors: Tensor  # (B, P, E, D) token vectors of the people: given instead of ``faces`` and ``ids`` when drawing
    loss_weight: Tensor  # (B, 1, h, w) or (B, 1, H, W), mean about 1: where the loss looks
    action_units: Tensor  # (B, U) intensities 0 to 5 of what the faces do, NaN where unknown
    control: Tensor  # (B, 3, H, W) in [0, 1], what a ControlNet is shown: edges, points, depth
    is_prior: Tensor  # (B,) bool, True for class pictures (DreamBooth)
    index: Tensor  # (B,) int64, the sample's place in the epoch


class Sample(TypedDict, total=False):
    """One sample of a data set: a :class:`Batch` without its first axis, so one caption instead of a list."""

    image: Tensor
    latents: Tensor
    caption: str
    embedding: Tensor
    faces: Tensor
    ids: Tensor
    loss_weight: Tensor
    action_units: Tensor
    control: Tensor
    is_prior: bool
    index: Tensor


@dataclass(frozen=True)
class Tokens:
    """Tokenized prompts.

    Attributes:
        ids: (B, L) int64 token ids, with begin, end and padding.
        slots: (B, L) int64, -1 for an ordinary token, person * E + n where the n-th vector of that person replaces the
            token's own, -2 - n where the n-th vector of action units does.
    """

    ids: Tensor
    slots: Tensor


@dataclass(frozen=True)
class Conditioning:
    """What the UNet is told about the text.

    Attributes:
        context: (B, L, D) hidden states for the cross-attention.
        pooled: (B, D) pooled text vector, where a model wants one.
        added: further named conditions of models that have them (``added_cond_kwargs`` in diffusers).
    """

    context: Tensor
    pooled: Tensor | None = None
    added: dict[str, Tensor] | None = None
