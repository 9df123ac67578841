"""Contexts of captions that come again."""

from collections.abc import Sequence

import torch

from ldm.batch import Conditioning
from ldm.modules.encoders.remembered import RememberedText


class Encoder:
    """Says what it was asked; a context is the caption's length."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    def __call__(self, captions: Sequence[str]) -> Conditioning:
        self.asked.append(captions)
        lengths = torch.tensor([[[float(len(caption))]] for caption in captions], requires_grad=True)
        return Conditioning(lengths * 1, pooled=lengths[:, 0], added={"more": lengths})


def test_captions_are_encoded_once_and_given_in_the_batchs_order() -> None:
    remembered, encoder = RememberedText(), Encoder()
    for captions in (["aa", "b", "aa"], ["b", "aa"], ["aa", "b"]):
        found = remembered(captions, encoder)
        lengths = [float(len(caption)) for caption in captions]
        assert found.context.flatten().tolist() == lengths
        assert found.pooled is not None
        assert found.pooled.flatten().tolist() == lengths
        assert found.added is not None
        assert found.added["more"].flatten().tolist() == lengths
        assert not found.context.requires_grad
    assert encoder.asked == [("aa", "b")]


def test_what_is_asked_does_not_depend_on_what_was_asked_before() -> None:
    first, second = Encoder(), Encoder()
    one, other = RememberedText(), RememberedText()
    one(["a"], first), one(["a", "b"], first)
    other(["a", "b"], second)
    assert first.asked[-1] == second.asked[-1] == ("a", "b")


def test_the_oldest_is_forgotten_first() -> None:
    remembered, encoder = RememberedText(most_rows=3), Encoder()
    for captions in (["a", "b"], ["c"], ["d"], ["c"], ["a", "b"]):
        remembered(captions, encoder)
    assert encoder.asked == [("a", "b"), ("c",), ("d",), ("a", "b")]
    remembered.forget()
    remembered(["c"], encoder)
    assert encoder.asked[-1] == ("c",)
