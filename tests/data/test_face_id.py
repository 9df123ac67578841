import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.face_id import FaceIdDatasetOneShot, FaceIdDatasetStyleGAN3, choose_people
from ldm.data.manifest import Record, write_manifest
from ldm.data.sampling import SampleKey
from ldm.data.templates import TEMPLATES, caption

WORDS = ["sks", "ks", "ata"]
FFHQ_64 = tuple((64 * x, 64 * y) for x, y in ((0.38, 0.47), (0.62, 0.47), (0.5, 0.61), (0.39, 0.72), (0.61, 0.72)))
PUBLISHED_CAPTIONS = {caption(template, "face of sks person") for template in TEMPLATES}


class Model:
    """Latents are the pictures, four times smaller; a face vector is one-hot in the picture's blue."""

    face_encoder_name = "net"

    def __init__(self, size: int = 16) -> None:
        self.sample_size_px = size
        self.described: list[int] = []
        self.encoded = 0

    def describe_faces(self, pictures):
        self.described.append(len(pictures))
        return np.stack([np.eye(8, dtype=np.float32)[7 - round(np.asarray(p)[0, 0, 2] / 30)] for p in pictures])

    def encode_pictures(self, images):
        assert len(images) <= 32
        self.encoded += len(images)
        return torch.nn.functional.avg_pool2d(images, 4)


def photo(path: Path, number: int) -> Path:
    """A picture that is told by its blue, brighter at the top right."""
    array = np.full((64, 64, 3), 60, np.uint8)
    array[:32, 32:, :2] = 200
    array[..., 2] = 30 * number
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Anna with two photos, Bert and Carla with one each; vectors by "net" of which the first is that of number 0."""
    records = []
    for number, (name, person) in enumerate([("a0", "anna"), ("a1", "anna"), ("b", "bert"), ("c", "carla")]):
        picture = photo(tmp_path / "aligned" / name, number).relative_to(tmp_path)
        vector = np.eye(8, dtype=np.float32)[number]
        records.append(Record(picture, person, crop_points=FFHQ_64, vector=vector, encoder="net", size=64))
    write_manifest(tmp_path / "aligned.jsonl", records)
    return tmp_path / "aligned.jsonl"


def data(path: Path, **options) -> FaceIdDatasetOneShot:
    return FaceIdDatasetOneShot(path, options.pop("model", Model()), WORDS, **options)


def draws(dataset, count):
    return [dataset[SampleKey(n % len(dataset), n)] for n in range(count)]


def people_shown(sample):
    """Photo numbers from left to right by their blue, and how many there are."""
    blue = ((sample["image"][2] + 1) * 127.5 / 30).round()
    return [int(blue[8, 2]), int(blue[8, -3])]


# --- who


def test_all_people_are_taken_in_natural_order(people):
    dataset = data(people, num_variants=1)
    assert dataset.people == ["anna", "bert", "carla"]
    assert dataset.owner == [0, 0, 1, 2]
    assert len(dataset) == 400


@pytest.mark.parametrize(
    ("num_ids", "specific_ids", "chosen"),
    [
        (None, None, "abcde"),
        (2, None, "ab"),
        (5, None, "abcde"),
        (None, [3, 1], "bd"),
        (2, [4, 3, 1, 3], "bd"),
        (None, "1-3", "bc"),
        (2, " 2 - 5 ", "cd"),
        (None, [0], "a"),
    ],
)
def test_people_are_chosen_in_the_order_of_the_list(num_ids, specific_ids, chosen):
    assert choose_people("abcde", num_ids, specific_ids) == list(chosen)


@pytest.mark.parametrize(
    ("num_ids", "specific_ids", "error", "message"),
    [
        (7, None, ValueError, r"7 people asked for \(num_ids\), but 5 given: a, b, c, d, e$"),
        (3, [0, 1], ValueError, r"3 people asked for \(num_ids\), but specific_ids \[0, 1\] names 2"),
        (3, "0-2", ValueError, r"3 people asked for \(num_ids\), but specific_ids 0-2 names 2"),
        (None, [0, 5], IndexError, r"person 5 asked for \(specific_ids\), but there are people 0 to 4: a, b"),
        (None, "3-9", IndexError, r"person 5 asked for \(specific_ids\), but there are people 0 to 4"),
        (2, [-1, 0], IndexError, r"person -1 asked for \(specific_ids\), but there are people 0 to 4"),
        (None, "2", ValueError, "specific_ids '2': write a list, or 'low-high' with high not included"),
        (None, "3-3", ValueError, "specific_ids '3-3': write a list, or 'low-high' with high not included"),
        (None, [], ValueError, "specific_ids is an empty list: name somebody"),
    ],
)
def test_people_who_are_not_there_are_an_error(num_ids, specific_ids, error, message):
    with pytest.raises(error, match=message):
        choose_people("abcde", num_ids, specific_ids)


def test_a_choice_moves_the_ids(people):
    dataset = data(people, specific_ids=[2, 1], num_variants=1, pair_p=0)
    assert dataset.people == ["bert", "carla"]
    samples = draws(dataset, 2)
    assert [sample["ids"].tolist() for sample in samples] == [[0], [1]]
    assert [int(sample["faces"][0].argmax()) for sample in samples] == [2, 3]


# --- face vectors


def test_vectors_of_the_models_own_network_are_taken_from_the_manifest(people):
    model = Model()
    dataset = data(people, model=model)
    assert model.described == []
    assert dataset.vectors.argmax(1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("change", [{"encoder": "other"}, {"vector": None}])
def test_vectors_are_made_anew_where_one_is_of_another_network_or_missing(people, change):
    from dataclasses import replace

    from ldm.data.manifest import read_manifest

    records = read_manifest(people)
    write_manifest(people, [replace(records[0], **change), *records[1:]])
    model = Model()
    dataset = data(people, model=model)
    assert model.described == [4], "all of one network, or they could not be compared"
    assert dataset.vectors.argmax(1).tolist() == [7, 6, 5, 4]


def test_the_older_pickle_is_read(tmp_path):
    paths = [photo(tmp_path / f"0000{n}_id{n}_#0", n) for n in (0, 1, 2)]
    (tmp_path / "old.pickle").write_bytes(pickle.dumps([str(path) for path in paths]))
    dataset = data(tmp_path / "old.pickle", num_ids=2)
    assert dataset.people == ["id0", "id1"]
    assert dataset.vectors.argmax(1).tolist() == [7, 6]
    sample = dataset[0]
    assert sample["latents"].shape == (3, 4, 4)
    assert sample["loss_weight"].max() > 1.1, "without points the face is where FFHQ crops have it"


# --- natural setting


def test_variants_are_made_and_encoded_once(people):
    model = Model()
    dataset = data(people, model=model, num_variants=40)
    assert model.encoded == 4 * 40 * 2, "of each photo alone, and beside another person's"
    samples = draws(dataset, 600)
    assert model.encoded == 320
    assert all("image" not in sample for sample in samples)
    alone = {s["latents"].numpy().tobytes() for s in samples if s["ids"].tolist()[1] == -1 and s["faces"][0, 0] == 1}
    assert 30 < len(alone) <= 40
    assert data(people, num_variants=40)[5]["latents"].equal(dataset[5]["latents"])


def test_a_sample_is_a_function_of_its_key(people):
    dataset, before = data(people, num_variants=4), torch.get_rng_state()
    for n in range(30):
        first, again = dataset[SampleKey(n, n)], dataset[SampleKey(n, n)]
        assert first["caption"] == again["caption"]
        assert all(first[key].equal(again[key]) for key in ("latents", "ids", "faces", "loss_weight"))
    assert len({dataset[SampleKey(0, n)]["caption"] for n in range(40)}) > 10
    assert torch.equal(before, torch.get_rng_state())


def test_pairs_come_in_their_share(people):
    pairs = [s["ids"].tolist()[1] >= 0 for s in draws(data(people, num_variants=2, pair_p=0.4), 1000)]
    assert np.mean(pairs) == pytest.approx(0.4, abs=0.05)
    for s in draws(data(people, num_variants=2, pair_p=0.0), 30):
        assert s["ids"].shape == (1,)


def test_ids_faces_and_captions_of_pairs_agree_with_the_picture(people):
    dataset = data(people, num_variants=0, pair_p=1.0)
    owner, orders = [0, 0, 1, 2], Counter()
    for sample in draws(dataset, 80):
        dim = [round(float(face.argmax())) for face in sample["faces"]]
        assert sample["ids"].tolist() == [owner[photo] for photo in dim]
        assert owner[dim[0]] != owner[dim[1]], "never a person beside himself"
        words = sample["caption"].split()
        assert words.index("sks") < words.index("ks")
        orders[tuple(owner[photo] for photo in dim)] += 1
    assert len(orders) == 6, "everybody stands at the left and at the right"


def test_the_left_half_shows_the_first_placeholders_person(people):
    dataset = data(people, num_variants=0, pair_p=1.0, split="val")
    for sample in draws(dataset, 40):
        assert people_shown(sample) == [int(face.argmax()) for face in sample["faces"]]


def test_single_pictures_are_of_the_photo_that_is_asked_for(people):
    dataset = data(people, num_variants=0, pair_p=0.5)
    for n, sample in enumerate(draws(dataset, 60)):
        if sample["ids"].tolist()[1] < 0:
            assert int(sample["faces"][0].argmax()) == n % 4
            assert not sample["faces"][1].any()
            assert "sks" in sample["caption"].split()
            assert "ks" not in sample["caption"].split()


@pytest.mark.parametrize("num_variants", [0, 3])
def test_the_loss_looks_at_the_face(people, num_variants):
    for sample in draws(data(people, num_variants=num_variants, background_weight=0.2, pair_p=0.5), 30):
        weight = sample["loss_weight"]
        picture = sample["latents"] if num_variants else sample["image"]
        assert weight.shape == (1, *picture.shape[1:]), "at the size of what is compared: shrunk once, not each step"
        torch.testing.assert_close(weight.mean(), torch.tensor(1.0))
        side = weight.shape[-1]
        if sample["ids"].tolist()[1] < 0:
            middle = weight[0, side // 2 : side // 2 + 2, side // 2 - 1 : side // 2 + 1]
            assert middle.mean() > 1.3
            assert middle.mean() > 2 * weight[0, 0].mean()


def test_val_gives_the_photos_as_they_are(people):
    dataset = data(people, split="val", pair_p=0, repeats=1)
    assert len(dataset) == 4
    for n in range(4):
        sample = dataset[n]
        assert people_shown(sample) == [n, n]
        assert sample["image"].equal(dataset.pictures[n])
        assert sample["image"].shape == (3, 16, 16)


def test_one_person_alone_is_never_a_pair(people):
    dataset = data(people, num_ids=1, pair_p=1.0, num_variants=1)
    assert {tuple(sample["ids"].tolist()) for sample in draws(dataset, 20)} == {(0,)}
    assert FaceIdDatasetOneShot(people, Model(), ["sks"], num_ids=1, num_variants=1).placeholders == ["sks"]


def test_pairs_need_two_placeholders(people):
    with pytest.raises(ValueError, match="pictures of two people need two placeholder_strings"):
        FaceIdDatasetOneShot(people, Model(), ["sks"])


# --- published setting


def test_published_faces_lie_on_black_and_are_made_anew(people):
    model = Model(64)
    dataset = data(people, model=model, setting="published", num_ids=2)
    assert model.encoded == 0
    heights = []
    for sample in draws(dataset, 120):
        assert sample["caption"] in PUBLISHED_CAPTIONS
        assert sample["ids"].shape == (1,)
        assert (sample["loss_weight"] == 1).all()
        face = (sample["image"] > -1).any(0)
        rows, columns = face.any(1).nonzero().flatten(), face.any(0).nonzero().flatten()
        assert face.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        heights.append(int(rows[-1] - rows[0] + 1))
    assert 6 <= min(heights) < 12, "51 to 511 of 512"
    assert 57 < max(heights) <= 63
    assert {int(s["ids"]) for s in draws(dataset, 10)} == {0, 1}


def test_all_published_captions_are_used(people):
    dataset = data(people, setting="published")
    assert {sample["caption"] for sample in draws(dataset, 800)} == PUBLISHED_CAPTIONS


def test_published_val_is_not_varied(people):
    dataset = data(people, setting="published", split="val", repeats=1)
    assert dataset[2]["image"].equal(dataset.pictures[2])


def test_the_published_name_of_the_data_set_is_kept(people):
    assert FaceIdDatasetStyleGAN3(people, Model(), WORDS, num_variants=1).people == ["anna", "bert", "carla"]
