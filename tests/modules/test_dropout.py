import pytest

from ldm.modules.dropout import drop_captions
from ldm.randomness import generator


def dropped(amount, kind, count=1000, place=0):
    return drop_captions(["a"] * count, amount, kind, generator(0, place)).count("")


def test_a_rate_drops_about_its_part():
    assert dropped(0.0, "rate") == 0
    assert 70 < dropped(0.1, "rate") < 130
    assert dropped(1.0, "rate") == 1000


@pytest.mark.parametrize(("count", "gone"), [(16, 4), (10, 3), (3, 0), (1, 0)])
def test_a_share_drops_exactly_its_part_of_every_batch(count, gone):
    assert {dropped(0.3, "share", count, place) for place in range(50)} == {gone}
    assert dropped(1.0, "share", count) == count


def test_which_ones_are_dropped_depends_on_the_place_alone():
    captions = [str(n) for n in range(40)]
    first = drop_captions(captions, 0.3, "share", generator(0, 1))
    assert (
        first
        == drop_captions(captions, 0.3, "share", generator(0, 1))
        != drop_captions(captions, 0.3, "share", generator(0, 2))
    )
    assert all(new in ("", old) for new, old in zip(first, captions, strict=True))
