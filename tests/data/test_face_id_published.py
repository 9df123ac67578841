from ldm.data.face_id import FaceIdDatasetStyleGAN3
from tests.data.people import PUBLISHED_CAPTIONS, WORDS, Model, data, draws


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
