import numpy as np
import pytest
import torch

from ldm.data.pictures import StoredPictures, side_by_side, to_signed
from ldm.data.sampling import SampleKey
from ldm.data.store import write_store


@pytest.fixture
def folder(tmp_path):
    """Four training pictures, darker from left to right, each with a red of its own."""
    ramp = np.broadcast_to(np.linspace(250, 0, 8)[None, :, None], (8, 8, 3)).astype(np.uint8)
    pictures = [ramp.copy() for _ in range(5)]
    for i, picture in enumerate(pictures):
        picture[..., 0] = 10 * i
    splits = ["train", "train", "val", "train", "train"]
    write_store(tmp_path, [(p, {"split": s}) for p, s in zip(pictures, splits, strict=True)], {})
    return tmp_path


def red(image):
    """Which picture it is."""
    return (image[0] + 1) * 127.5 / 10


def test_bytes_become_minus_one_to_one():
    image = to_signed(np.array([[[0, 127, 255]]], np.uint8))
    assert image.shape == (3, 1, 1)
    torch.testing.assert_close(image.flatten(), torch.tensor([-1, -1 / 255, 1]))


def test_side_by_side_takes_the_middles_left_and_right():
    left, right = torch.arange(8.0).expand(1, 2, 8), torch.arange(10.0, 18).expand(1, 2, 8)
    assert side_by_side(left, right)[0, 0].tolist() == [2, 3, 4, 5, 12, 13, 14, 15]


def test_a_split_gives_its_own_pictures(folder):
    data = StoredPictures(folder, flip_p=0.0)
    assert len(data) == 4
    assert [round(float(red(data[i]["image"]).mean())) for i in range(4)] == [0, 1, 3, 4]
    assert len(StoredPictures(folder, split="val")) == 1


def test_a_split_that_the_store_does_not_have_is_an_error_with_those_it_has(folder):
    with pytest.raises(ValueError, match="has no picture in the split 'vae_train'; it has: train, val"):
        len(StoredPictures(folder, split="vae_train"))


def test_mirroring_happens_in_its_share(folder):
    data = StoredPictures(folder, flip_p=0.25)
    mirrored = [bool((s := data[SampleKey(0, draw)]["image"][1, 0])[0] < s[-1]) for draw in range(400)]
    assert 0.18 < np.mean(mirrored) < 0.32
    upright = StoredPictures(folder, flip_p=0.0)[SampleKey(0, 3)]["image"]
    assert StoredPictures(folder, flip_p=1.0)[SampleKey(0, 3)]["image"].equal(upright.flip(-1))


def test_pairs_happen_in_their_share_with_the_picture_at_the_left(folder):
    data = StoredPictures(folder, flip_p=0.0, pair_p=0.4)
    images = [data[SampleKey(3, draw)]["image"] for draw in range(400)]
    pairs = [image for image in images if image[1, 0, 0] < 0.9]  # a whole picture begins with its brightest column
    assert 0.33 < len(pairs) / 400 < 0.47
    assert all(image.shape == (3, 8, 8) for image in pairs)
    assert all((red(image)[:, :4] - 4).abs().max() < 1e-3 for image in pairs)
    assert len({round(float(red(image)[0, -1])) for image in pairs}) == 4


def test_a_sample_is_a_function_of_its_key(folder):
    data = StoredPictures(folder, pair_p=0.5)
    before = torch.get_rng_state()
    first = [data[SampleKey(1, draw)]["image"] for draw in range(8)]
    assert all(image.equal(data[SampleKey(1, draw)]["image"]) for draw, image in enumerate(first))
    assert len({image.numpy().tobytes() for image in first}) > 1
    assert torch.equal(before, torch.get_rng_state())
