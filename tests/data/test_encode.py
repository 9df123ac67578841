"""Latents that know what they are made of: made once, made anew where they are others, gone on with where stopped."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ldm.data.encode import encode_store
from ldm.data.latents import CaptionedLatents
from ldm.data.origin import Origin
from ldm.data.sampling import SampleKey
from ldm.data.store import PictureStore, write_store
from tests.data.halves import ROWS, Halves, model_of, picture


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


def draw(data, count):
    return [data[SampleKey(0, n)] for n in range(count)]


def test_the_data_set_makes_its_latents_and_takes_them_again(store, tmp_path, caplog):
    vae = Halves()
    data = CaptionedLatents(tmp_path, pictures=store.folder, num_pairs=5, model=model_of(vae))
    assert len(data.latents) == 120
    assert data.scaling_factor == 2.0, "the model's own"
    seen = vae.seen
    again = CaptionedLatents(tmp_path, pictures=store.folder, num_pairs=5, model=model_of(vae))
    assert vae.seen == seen, "nothing was encoded again"
    np.testing.assert_array_equal(data.latents, again.latents)


@pytest.mark.parametrize("change", ["vae", "pictures", "num_variants", "num_pairs", "max_pictures"])
def test_latents_of_anything_else_are_made_anew(store, tmp_path, caplog, change):
    CaptionedLatents(tmp_path / "l", pictures=store.folder, num_pairs=5, model=model_of(Halves()))
    vae, pictures, more = Halves(0.5 if change == "vae" else 1.0), store.folder, {"num_pairs": 5}
    if change == "pictures":
        write_store(tmp_path / "other", [(picture(i), ROWS[i]) for i in range(9)], {"crop": "arcface"})
        pictures = tmp_path / "other"
    elif change != "vae":
        more[change] = 3
    CaptionedLatents(tmp_path / "l", pictures=pictures, model=model_of(vae), **more)
    assert f"were made with another {change}: they are encoded again" in caplog.text
    assert vae.seen > 0


def test_a_picture_that_was_retouched_is_another_picture(tmp_path, caplog):
    for name, content in (("before", picture(3)), ("after", picture(4))):
        write_store(tmp_path / name, [(content, {"file": "a.jpg", "split": "train", "name": "A"})], {"crop": "ffhq"})
        encode_store(Halves(), PictureStore(tmp_path / name), tmp_path / "l")
    assert "were made with another pictures: they are encoded again" in caplog.text
    assert np.load(tmp_path / "l" / "latents.npy")[0, 0, 0, 0, 0] == np.float16(4 / 127.5 - 1)


def test_an_interrupted_building_goes_on(store, tmp_path):
    class StopError(Exception):
        pass

    class Stopping(Halves):
        def encode(self, images):
            if self.seen > 100:
                raise StopError
            return super().encode(images)

    with pytest.raises(StopError):
        encode_store(Stopping(), store, tmp_path / "l", num_pairs=30)
    assert not (tmp_path / "l" / "about.json").exists(), "a half-made store is no store"
    vae, done = Halves(), []
    encode_store(vae, store, tmp_path / "l", num_pairs=30, advance=done.append)
    assert done[0] == 128
    assert vae.seen == 240 + 30 - 128
    encode_store(Halves(), store, tmp_path / "whole", num_pairs=30)
    for name in ("latents.npy", "pairs.npy"):
        np.testing.assert_array_equal(np.load(tmp_path / "l" / name), np.load(tmp_path / "whole" / name))
    assert {p.name for p in (tmp_path / "l").iterdir()} == {p.name for p in (tmp_path / "whole").iterdir()}


def test_latents_of_another_first_stage_are_never_taken_silently(store, folder, tmp_path, caplog):
    with pytest.raises(
        ValueError, match=r"made with another first stage than that of weights/x: name the picture store"
    ):
        CaptionedLatents(folder, model=model_of(Halves(0.5)))
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    about = json.loads((folder / "about.json").read_text())
    (tmp_path / "about.json").write_text(json.dumps({"std": about["std"]}))
    CaptionedLatents(tmp_path, model=model_of(Halves()))
    assert "does not say which first stage made it" in caplog.text


@pytest.mark.parametrize("place", ["itself", "another", "of an earlier version"])
def test_latents_are_never_written_into_pictures(store, tmp_path, place):
    folder = store.folder if place == "itself" else tmp_path / "other"
    if place != "itself":
        write_store(folder, [(picture(0), ROWS[0])], {"crop": "ffhq"})
    if place == "of an earlier version":
        (folder / "pictures.bin").rename(folder / "pictures.npy")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(ValueError, match=r"holds pictures \(pictures\.(bin|npy)\), .* a folder of their own"):
        CaptionedLatents(folder, pictures=store.folder, model=model_of(Halves()))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_pictures_of_another_size_are_refused(store, tmp_path):
    with pytest.raises(ValueError, match="have 8 px, the model's 16: prepare them with --size 16"):
        CaptionedLatents(tmp_path, pictures=store.folder, model=model_of(Halves(), size=16))


def test_a_caption_that_does_not_fit_names_its_picture(tmp_path):
    row = {"file": "long.jpg", "split": "train", "caption": "word " * 21}
    write_store(tmp_path / "s", [(picture(0), row), (picture(1), {**row, "file": "b.jpg", "caption": "short"})], {})
    with pytest.raises(ValueError, match=r"the caption of long\.jpg does not fit the model: .* too many tokens"):
        CaptionedLatents(tmp_path / "l", pictures=tmp_path / "s", model=model_of(Halves()))


def test_more_variants_are_like_the_picture_but_not_the_same(store, tmp_path):
    encode_store(Halves(), store, tmp_path, num_variants=4)
    latents = np.load(tmp_path / "latents.npy").astype(np.float32)
    assert latents.shape[1] == 4
    moved = np.abs(latents[:, 2] - latents[:, 0])
    assert moved.max() > 0.01
    assert np.abs(latents[:, 2:, 0] - latents[:, :1, 0]).max() < 0.05, "red says which picture it is"


@pytest.mark.parametrize(("kind", "share"), [("image_embedding", 1.0), ("mixed", 0.5)])
def test_vectors_of_pictures_take_the_place_of_captions(store, tmp_path, kind, share):
    data = CaptionedLatents(tmp_path, pictures=store.folder, conditioning=kind, model=model_of(Halves()))
    samples = draw(data, 400)
    told = [bool(sample["embedding"].any()) for sample in samples]
    assert sum(told) / 400 == pytest.approx(share, abs=0.08)
    assert all(sample["caption"] for sample in samples)
    for sample in samples[:20]:
        if sample["embedding"].any():
            mean = sample["latents"].mean((1, 2)) / 2
            torch.testing.assert_close(sample["embedding"], mean, atol=0.01, rtol=0)


def test_vectors_need_a_picture_side_and_a_unet_of_their_width(store, tmp_path):
    model = model_of(Halves(), width=7)
    with pytest.raises(
        ValueError, match="cross-attention is 7 wide, the vectors of colours are 3: make the model with"
    ):
        CaptionedLatents(tmp_path, pictures=store.folder, conditioning="image_embedding", model=model)
    model.cond_stage_model = object()
    with pytest.raises(ValueError, match="need a text side with a picture side"):
        CaptionedLatents(tmp_path, pictures=store.folder, conditioning="mixed", model=model)


def test_nothing_is_told_where_nothing_is_wanted(store, tmp_path):
    data = CaptionedLatents(tmp_path, pictures=store.folder, conditioning="none", model=model_of(Halves()))
    assert {sample["caption"] for sample in draw(data, 50)} == {""}
    assert "embedding" not in data[0]


def test_pairs_are_not_gone_on_with_under_other_names(store, tmp_path):
    """Half of the pairs would be pictures of the people that were drawn before, and all of the names others."""

    class StopError(Exception):
        pass

    def stop(_):
        if json.loads((tmp_path / "l" / "partial.json").read_text())["done"] > 240:
            raise StopError

    with pytest.raises(StopError):
        encode_store(Halves(), store, tmp_path / "l", num_pairs=90, max_pictures=60, advance=stop)
    for name in ("l", "whole"):
        encode_store(Halves(), store, tmp_path / name, num_pairs=90, max_pictures=1)
    for name in ("pairs.npy", "pairs.jsonl"):
        assert (tmp_path / "l" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_only_pairs_depend_on_how_many_pictures_of_each_count(store, folder, tmp_path):
    for most in (60, 2):
        vae = Halves()
        encode_store(vae, store, tmp_path, max_pictures=most)
    assert vae.seen == 0
    about = json.loads((folder / "about.json").read_text())
    origin = Origin(**{name: about.pop(name) for name in asdict(Origin("", "", "", 0, 0, 0))})
    assert origin.difference(asdict(origin)) == ""
    before = {name: value for name, value in asdict(origin).items() if name != "max_pictures"}
    assert origin.difference(before) == "", "of an earlier version"
    assert replace(origin, max_pictures=2).difference(before) == "max_pictures"


def test_vectors_of_another_picture_side_are_made_anew(store, tmp_path, caplog):
    for side in ("colours 1", "colours 2"):
        model = model_of(Halves())
        model.cond_stage_model.picture_side = side
        CaptionedLatents(tmp_path, pictures=store.folder, conditioning="image_embedding", model=model)
    assert "were made with another embedder: they are encoded again" in caplog.text
