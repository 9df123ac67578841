import pickle
from collections import Counter

import numpy as np
import pytest
import torch

from ldm.data.face_id import FaceIdDatasetOneShot
from ldm.data.manifest import write_manifest
from ldm.data.sampling import SampleKey
from tests.data.people import Model, data, draws, people_shown, photo

# --- who


def test_all_people_are_taken_in_natural_order(people):
    dataset = data(people, num_variants=1)
    assert dataset.people == ["anna", "bert", "carla"]
    assert dataset.owner == [0, 0, 1, 2]
    assert len(dataset) == 400


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
    assert model.described == [1] * 4, "all of one network, or they could not be compared"
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
    with pytest.raises(ValueError, match=r"2 placeholder_strings are needed, given: 'sks'\. .*train\.params\.pair_p=0"):
        FaceIdDatasetOneShot(people, Model(), ["sks"])
    assert FaceIdDatasetOneShot(people, Model(), ["sks"], pair_p=0, num_variants=1).placeholders == ["sks"]
    with pytest.raises(ValueError, match="1 placeholder_strings are needed, given: none"):
        FaceIdDatasetOneShot(people, Model(), [], pair_p=0)


def test_more_people_than_the_method_has_room_for(people):
    model = Model()
    model.max_people = 2
    with pytest.raises(
        ValueError, match="3 people are to be learned, but personalization_config's max_ids is 2: raise"
    ):
        data(people, model=model)
    assert data(people, model=model, num_ids=2).people == ["anna", "bert"]
    model.max_people = None
    assert len(data(people, model=model).people) == 3


def test_a_photo_that_cannot_be_described_is_named(people):
    class Blind(Model):
        face_encoder_name = "other"

        def describe_faces(self, pictures):
            raise ValueError("no face is found")

    with pytest.raises(ValueError, match=r"a0\.png cannot be described: no face is found; align the photo again"):
        data(people, model=Blind())
