import json
from collections import Counter

import numpy as np
import pytest
import torch

from ldm.data.encode import draw_pairs, encode_store
from ldm.data.latents import CaptionedLatents
from ldm.data.sampling import SampleKey
from ldm.data.store import PictureStore, write_store
from tests.data.halves import OFTEN, ROWS, SELDOM, Halves, picture


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [(picture(i), row) for i, row in enumerate(ROWS)], {"crop": "ffhq"})
    return PictureStore(folder)


@pytest.fixture(scope="module")
def folder(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("latents")
    encode_store(Halves(), store, folder, num_pairs=50)
    return folder


def red(latents, scale=1.0):
    """Which pictures, column by column."""
    return torch.as_tensor(np.asarray((latents[0].mean(0) / scale + 1) * 127.5)).round().int().tolist()


def draw(data, count):
    return [data[SampleKey(0, n)] for n in range(count)]


def test_every_picture_is_encoded_upright_and_mirrored(folder):
    latents = np.load(folder / "latents.npy")
    assert latents.shape == (120, 2, 3, 2, 2)
    assert latents.dtype == np.float16
    for i in range(120):
        assert red(latents[i, 0].astype(np.float32)) == [i, i]
    np.testing.assert_array_equal(latents[:, 1], latents[:, 0, ..., ::-1])
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == ROWS[:120], "the training split, no one else"


def test_pairs_are_named_from_left_to_right(folder):
    pairs = np.load(folder / "pairs.npy").astype(np.float32)
    names = [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(pairs) == len(names) == 50
    for latents, two in zip(pairs, names, strict=True):
        assert two == [ROWS[i]["name"] for i in red(latents)]
    assert {tuple(two) for two in names} == {(OFTEN, SELDOM), (SELDOM, OFTEN)}


def test_the_std_is_that_of_the_latents(store, tmp_path):
    std = encode_store(Halves(), store, tmp_path, num_pairs=0)
    assert std == pytest.approx(np.load(tmp_path / "latents.npy").astype(np.float32).std())
    assert json.loads((tmp_path / "about.json").read_text())["std"] == std
    assert len(np.load(tmp_path / "pairs.npy")) == 0


def test_samples_are_scaled_to_unit_deviation_and_say_who_they_show(folder):
    data = CaptionedLatents(folder)
    samples = draw(data, 600)
    std = torch.stack([sample["latents"] for sample in samples]).std()
    assert 0.8 < float(std) < 1.2
    for sample in samples:
        shown = [ROWS[i] for i in red(sample["latents"], data.scaling_factor)]
        if shown[0] == shown[1] and "attributes" in shown[0]:
            assert " man" in sample["caption"]
        else:
            assert all(row["name"] in sample["caption"] for row in shown)


def kinds(samples):
    told = [" man" in s["caption"] for s in samples]
    twice = [s["caption"].count(OFTEN) + s["caption"].count(SELDOM) == 2 for s in samples]
    return sum(twice) / len(samples), sum(told) / len(samples)


@pytest.mark.parametrize(("pair_p", "attribute_p"), [(0.2, 0.2), (0.5, 0.1), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
def test_shares_are_those_asked_for(folder, pair_p, attribute_p):
    pairs, attributes = kinds(draw(CaptionedLatents(folder, pair_p, attribute_p), 1000))
    assert pairs == pytest.approx(pair_p, abs=0.04)
    assert attributes == pytest.approx(attribute_p, abs=0.04)


@pytest.mark.parametrize(("cap", "share"), [(60, 60 / 70), (10, 1 / 2), (1, 1 / 2), (1000, 0.9)])
def test_nobody_counts_for_more_than_the_cap(folder, cap, share):
    data = CaptionedLatents(folder, pair_p=0, attribute_p=0, max_pictures=cap)
    names = Counter(OFTEN in sample["caption"] for sample in draw(data, 1500))
    assert names[True] / 1500 == pytest.approx(share, abs=0.04)


def test_all_pictures_of_a_person_come_both_ways(folder):
    data = CaptionedLatents(folder, pair_p=0, attribute_p=0)
    samples = [sample["latents"] for sample in draw(data, 1500)]
    assert len({red(latents, data.scaling_factor)[0] for latents in samples}) == 100
    mirrored = sum(bool(latents[1, 0, 0] > latents[1, 0, 1]) for latents in samples)
    assert mirrored / 1500 == pytest.approx(0.5, abs=0.05)


def test_a_sample_is_a_function_of_its_draw(folder):
    data, before = CaptionedLatents(folder), torch.get_rng_state()
    for n in range(50):
        first, again = data[SampleKey(3, n)], data[SampleKey(3, n)]
        assert first["latents"].equal(again["latents"])
        assert first["caption"] == again["caption"]
    assert len({sample["caption"] for sample in draw(data, 50)}) > 20
    assert draw(CaptionedLatents(folder, seed=1), 9)[0]["caption"] != draw(data, 9)[0]["caption"]
    assert torch.equal(before, torch.get_rng_state())
    assert len(CaptionedLatents(folder, length=7)) == 7


def test_a_store_without_attributes_gives_names(store, tmp_path):
    write_store(tmp_path / "s", [(picture(i), ROWS[i]) for i in range(5)], {})
    encode_store(Halves(), PictureStore(tmp_path / "s"), tmp_path / "l", num_pairs=0)
    samples = draw(CaptionedLatents(tmp_path / "l", pair_p=0.5, attribute_p=0.5), 50)
    assert all(OFTEN in sample["caption"] for sample in samples)


def test_a_store_without_names_gives_attributes(tmp_path):
    write_store(tmp_path / "s", [(picture(i), ROWS[100]) for i in range(5)], {})
    encode_store(Halves(), PictureStore(tmp_path / "s"), tmp_path / "l", num_pairs=9)
    samples = draw(CaptionedLatents(tmp_path / "l"), 50)
    assert all(" man" in sample["caption"] for sample in samples)


def test_pictures_of_which_nothing_is_known_are_refused(tmp_path):
    write_store(tmp_path / "s", [(picture(0), {"split": "train"})], {})
    encode_store(Halves(), PictureStore(tmp_path / "s"), tmp_path / "l", num_pairs=0)
    with pytest.raises(ValueError, match="holds no picture with a name or attributes"):
        CaptionedLatents(tmp_path / "l")


def test_pairs_are_of_two_people_and_nobody_counts_for_too_many_pictures():
    names = ["a"] * 900 + ["b"] * 2 + ["c"] * 2 + ["d"]
    pairs = draw_pairs(names, 2000, max_pictures=2, seed=3)
    assert all(names[left] != names[right] for left, right in pairs)
    shown = Counter(names[place] for pair in pairs for place in pair)
    assert shown["a"] == pytest.approx(shown["b"], rel=0.1) == pytest.approx(shown["c"], rel=0.1)
    assert shown["d"] == pytest.approx(shown["a"] * 0.56, rel=0.15), "of weights 2, 2, 2, 1, two different ones"
    assert len({place for pair in pairs for place in pair if names[place] == "a"}) > 300, "any of their pictures"
    assert pairs == draw_pairs(names, 2000, max_pictures=2, seed=3) != draw_pairs(names, 2000, max_pictures=2, seed=4)


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"]])
def test_fewer_than_two_people_make_no_pairs(names):
    assert draw_pairs(names, 5, max_pictures=60, seed=0) == []


def test_a_split_without_pictures_is_an_error(store, tmp_path):
    with pytest.raises(ValueError, match="has no picture in the split 'val'; it has: held_out, train"):
        encode_store(Halves(), store, tmp_path, num_pairs=1, split="val")
    assert not any(tmp_path.iterdir())
