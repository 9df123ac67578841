from collections import Counter

import pytest
import torch

from ldm.data.balance import drawn_by, read_weights
from tests.data.training import data, drawn, photos


@pytest.fixture
def folder(tmp_path):
    return photos(tmp_path / "me", "a.png", "b.png", "c.png")


def table(folder, *rows):
    (folder / "labels.csv").write_text("\n".join(["path,subject,weight", *rows]) + "\n")
    return folder / "labels.csv"


def test_photos_are_drawn_by_their_weight_and_by_nothing_else(folder):
    dataset = data(folder, balance=table(folder, "a.png,x,1", "b.png,x,4", "c.png,x,5"))
    shown = [round(float((one[0]["image"].min() + 1) * 127.5) / 10) for one in drawn(dataset, 1000)]
    counts = Counter(shown)
    assert [counts[n] / 1000 for n in range(3)] == pytest.approx([0.1, 0.4, 0.5], abs=0.05)
    again = data(folder, balance=folder / "labels.csv")
    assert [one[0]["image"].sum() for one in drawn(again, 20)] == [one[0]["image"].sum() for one in drawn(dataset, 20)]


def test_the_last_photo_takes_what_rounding_leaves():
    assert drawn_by(torch.tensor([0.0, 0.0], dtype=torch.float64), 0, 1) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a.png,x,1", "b.png,x,1"], r"has no weight for 1 of 3 photos, first .*c\.png"),
        (["a.png,x,0"], "line 2: the weight '0' is no positive number"),
        (["a.png,x,often"], "line 2: the weight 'often' is no positive number"),
    ],
)
def test_weights_that_lack_or_are_none(folder, rows, message):
    with pytest.raises(ValueError, match=message):
        data(folder, balance=table(folder, *rows))


def test_a_table_of_something_else(folder):
    with pytest.raises(ValueError, match="there is no table"):
        read_weights(folder / "none.csv")
    (folder / "x.csv").write_text("name,AU1\na,1\n")
    with pytest.raises(ValueError, match="has the columns name, AU1; path and weight are wanted"):
        read_weights(folder / "x.csv")


def test_balance_and_buckets_do_not_go_together(folder):
    with pytest.raises(ValueError, match="take one of both"):
        data(folder, balance=table(folder, "a.png,x,1"), buckets=True)
