import logging

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.buckets import BucketBatchSampler
from ldm.data.class_pictures import ClassPictures
from ldm.data.sampling import SampleKey
from tests.data.training import Tools, captions, data, drawn, photo, photos

FLIPS = {"target": "ldm.data.augment.Jitter", "params": {"flip_p": 0.5}}
FACE = ((14.0, 14.0), (24.0, 14.0), (19.0, 20.0), (15.0, 26.0), (23.0, 26.0))


def class_node(folder, **options):
    params = {"folder": str(folder), "prompt": "a photo of a person", "num": 3} | options
    return {"target": "ldm.data.class_pictures.ClassPictures", "params": params}


@pytest.fixture
def folder(tmp_path):
    return photos(tmp_path / "me", "a.png", "b.png", "c.png")


@pytest.fixture
def class_folder(tmp_path):
    return photos(tmp_path / "person", "00000.png", "00001.png", "00002.png", "00003.png")


def value(sample):
    """Which picture it is, by its grey value."""
    return round(float((sample["image"].min() + 1) * 127.5) / 10)


def test_a_photo_and_its_prompt(folder):
    dataset = data(folder)
    [sample] = dataset[1]
    assert sample["image"].shape == (3, 32, 32)
    assert sample["caption"] == "a photo of sks person"
    assert sample["is_prior"] is False
    assert value(sample) == 1
    assert "loss_weight" not in sample
    assert len(dataset) == 3


def test_samples_are_functions_of_their_draw(folder):
    dataset = data(folder, augment_config=FLIPS, crop="random", num_variants=0)
    first = [dataset[SampleKey(0, n)][0]["image"] for n in range(20)]
    again = [data(folder, augment_config=FLIPS, crop="random")[SampleKey(0, n)][0]["image"] for n in range(20)]
    assert all(map(torch.equal, first, again))
    assert len({tuple(image.flatten().tolist()) for image in first}) > 1


def test_variants_are_encoded_once(folder):
    tools = Tools()
    dataset = data(folder, tools, augment_config=FLIPS, num_variants=16)
    assert tools.encoded == 48
    seen = {tuple(samples[0]["latents"].flatten().tolist()) for samples in drawn(dataset, 60)}
    assert len(seen) == 6, "upright and mirrored"
    assert "image" not in dataset[0][0]
    assert tools.encoded == 48


def test_what_does_not_vary_is_encoded_once_only(folder):
    tools = Tools()
    assert data(folder, tools, num_variants=16).about()["variants"] == "1 of each photo, encoded once"
    assert tools.encoded == 3


def test_repeats_count_photos_more_often(folder, tmp_path):
    assert len(data(folder, repeats=4)) == 12
    photos(tmp_path / "two" / "5_sks person", "a.png")
    photos(tmp_path / "two" / "2_ata cat", "b.png")
    dataset = data(tmp_path / "two", instance_prompt=None)
    assert [dataset[n][0]["caption"] for n in range(7)] == ["ata cat"] * 2 + ["sks person"] * 5
    named = data(tmp_path / "two", instance_prompt="a photo of {name}")
    assert captions(named) == {"a photo of sks person", "a photo of ata cat"}


def test_captions_beside_the_photos_come_before_the_prompt(folder, caplog):
    (folder / "a.txt").write_text("sks, smiling, outside")
    dataset = data(folder, shuffle_tags=True, keep_tags=1)
    assert captions(dataset, 60) == {"sks, smiling, outside", "sks, outside, smiling", "a photo of sks person"}
    assert captions(data(folder, captions="prompt")) == {"a photo of sks person"}
    assert captions(data(folder, instance_prompt="a photo of [filewords]")) == {
        "a photo of sks, smiling, outside",
        "a photo of",
    }


def test_photos_without_caption_and_prompt_are_refused(folder):
    (folder / "a.txt").write_text("sks")
    with pytest.raises(ValueError, match=r"2 of 3 photos .* have no caption, first b\.png, and there is no inst"):
        data(folder, instance_prompt=None)


def test_unreadable_photos_among_good_ones_are_reported(folder, caplog):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "d.png").write_bytes((folder / "a.png").read_bytes()[:40])
    (folder / "phone.heic").write_bytes(b"x")
    assert len(data(folder)) == 3
    assert "3 of 6 pictures are left out:" in caplog.text
    assert "broken.jpg is not a picture that can be read" in caplog.text
    assert "phone.heic is in Apple's HEIC format: save it as JPEG first" in caplog.text


def test_no_photo_at_all(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be read, first: .*broken.jpg is not a picture"):
        data(tmp_path)
    with pytest.raises(FileNotFoundError, match="folder not found"):
        data(tmp_path / "nothing")


def test_prompts_without_the_token(folder, caplog):
    with pytest.raises(ValueError, match=r"mentions the token 'sks', .* the first says 'a photo of a person'"):
        data(folder, token="sks", instance_prompt="a photo of a person")
    with pytest.raises(ValueError, match="no caption mentions the token 'sks'"):
        data(folder, token="sks", instance_prompt="a photo of flasks")
    (folder / "a.txt").write_text("somebody in a hat")
    data(folder, token="sks")
    assert "1 of 3 captions do not mention the token 'sks', first that of a.png" in caplog.text
    assert captions(data(folder, token="<me-1>", instance_prompt="{name} in a hat", captions="prompt")) == {
        "<me-1> in a hat"
    }


def test_a_token_of_several_pieces_is_said_with_them(folder, caplog):
    data(folder, token="my-dog", instance_prompt="a photo of {name}")
    assert "the token 'my-dog' is no word of the model: it is read as my dog. A rare word" in caplog.text
    caplog.clear()
    data(folder, token="sks")
    assert "no word of the model" not in caplog.text


def test_captions_longer_than_the_text_encoder_takes(folder, caplog):
    (folder / "b.txt").write_text("sks, " + ", ".join(f"tag{n}" for n in range(12)))
    with pytest.raises(
        ValueError, match=r"1 of 3 captions are too long, first that of b\.png: .* 3 words too long; or"
    ):
        data(folder)
    dataset = data(folder, long_captions="shorten")
    assert "sks, " + ", ".join(f"tag{n}" for n in range(9)) in captions(dataset)
    assert "1 of 3 captions were too long and lost their last tags or words" in caplog.text
    with pytest.raises(ValueError, match="3 of 3 captions are too long"):
        data(folder, instance_prompt=" ".join(["word"] * 11), captions="prompt", long_captions="shorten")


def test_templates_are_drawn_anew(folder):
    said = captions(data(folder, token="sks", templates="style", instance_prompt=None), 100)
    assert len(said) > 10
    assert all(one.endswith("in the style of sks") for one in said)


def test_rectangles_and_sizes_that_the_model_cannot_draw(folder):
    assert data(folder, height=48, width=24)[0][0]["image"].shape == (3, 48, 24)
    with pytest.raises(ValueError, match="height is 50, but this model draws multiples of 8: take 48"):
        data(folder, height=50)


def test_buckets_keep_the_shape_and_batches_of_one_size(tmp_path):
    for number in range(4):
        photo(tmp_path / f"broad{number}.png", 60, 36)
        photo(tmp_path / f"upright{number}.png", 36, 60)
        photo(tmp_path / f"square{number}.png", 50, 50)
    dataset = data(tmp_path, buckets=True, num_variants=2)
    assert dataset.about()["sizes"] == {"40 x 24": 4, "24 x 40": 4, "32 x 32": 4}
    shapes = set()
    for batch in BucketBatchSampler(dataset.groups, 3):
        made = dataset.collate([dataset[key] for key in batch])
        shapes.add(tuple(made["latents"].shape[2:]))
    assert shapes == {(6, 10), (10, 6), (8, 8)}


def test_class_pictures_stand_in_the_same_batch(folder, class_folder):
    tools = Tools()
    dataset = data(folder, tools, class_config=class_node(class_folder))
    batch = dataset.collate([dataset[SampleKey(n, n)] for n in range(3)])
    assert batch["is_prior"].tolist() == [False] * 3 + [True] * 3
    assert batch["caption"] == ["a photo of sks person"] * 3 + ["a photo of a person"] * 3
    assert batch["image"].shape == (6, 3, 32, 32)
    assert dataset.about()["class pictures"] == 3, "no more than num"
    assert isinstance(tools.asked[0], ClassPictures)
    for epoch in range(3):
        shown = [value(dataset[SampleKey(0, 3 * epoch + n)][1]) for n in range(3)]
        assert sorted(shown) == [0, 1, 2], "each as often as any other"


def test_class_pictures_take_the_size_of_the_photo_beside_them(tmp_path, class_folder):
    photo(tmp_path / "me" / "broad.png", 60, 36)
    photo(tmp_path / "me" / "square.png", 50, 50)
    tools = Tools()
    dataset = data(tmp_path / "me", tools, buckets=True, num_variants=4, class_config=class_node(class_folder))
    assert tools.encoded == 2 + 3 * 2
    assert [[tuple(sample["latents"].shape[1:]) for sample in dataset[n]] for n in range(2)] == [
        [(6, 10), (6, 10)],
        [(8, 8), (8, 8)],
    ]


@pytest.mark.parametrize("num_variants", [0, 2])
def test_masks_beside_the_photos_weigh_the_loss(folder, class_folder, num_variants):
    mask = Image.new("L", (40, 40))
    mask.paste(255, (20, 0, 40, 40))
    mask.save(folder / "a_mask.png")
    options = {"class_config": class_node(class_folder), "num_variants": num_variants}
    dataset = data(folder, mask="file", background_weight=0.0, **options)
    batch = dataset.collate([dataset[n] for n in range(3)])
    side = 8 if num_variants else 32
    assert batch["loss_weight"].shape == (6, 1, side, side)
    assert batch["loss_weight"][0, 0, 1, 1] == 0
    assert batch["loss_weight"][0, 0, 1, -2] == 2
    assert (batch["loss_weight"][1:] == 1).all(), "photos without a mask, and class pictures"


def test_the_alpha_channel_weighs_the_loss(tmp_path):
    array = np.full((40, 40, 4), 255, np.uint8)
    array[:, :20, 3] = 0
    Image.fromarray(array).save(tmp_path / "a.png")
    [sample] = data(tmp_path, mask="alpha", background_weight=0.5)[0]
    assert float(sample["loss_weight"][0, 5, 5] / sample["loss_weight"][0, 5, -5]) == pytest.approx(0.5)


def test_transparency_of_a_palette_weighs_the_loss(tmp_path):
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    picture.paste(0, (0, 0, 20, 40))
    picture.save(tmp_path / "a.png", transparency=0)
    [sample] = data(tmp_path, mask="alpha", background_weight=0.5)[0]
    assert float(sample["loss_weight"][0, 5, 5] / sample["loss_weight"][0, 5, -5]) == pytest.approx(0.5)


def test_faces_weigh_the_loss_and_photos_without_one_are_reported(folder, caplog):
    [sample] = data(folder, Tools(FACE), mask="face", background_weight=0.2)[0]
    assert sample["loss_weight"][0, 15, 15] > 2 * sample["loss_weight"][0, -1, 0]
    [sample] = data(folder, mask="face")[0]
    assert (sample["loss_weight"] == 1).all()
    assert "no face is found in 3 of 3 pictures, first a.png" in caplog.text


def test_what_takes_part_is_told(folder, class_folder, caplog):
    with caplog.at_level(logging.INFO):
        about = data(folder, class_config=class_node(class_folder), repeats=2).about()
    assert about["instance pictures"] == 3
    assert about["samples an epoch"] == 6
    assert about["captions"] == ["a photo of sks person"], "what is said of all is told once"
    assert "me: 3 pictures" in caplog.messages
