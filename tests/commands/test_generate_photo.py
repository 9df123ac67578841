"""`python -m ldm generate --photo`: people whom a run has never learned."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ldm import load
from ldm.faces.encode import OnnxEncoder
from ldm.modules.embedding_manager import EmbeddingManagerId
from tests.commands.generating import generate, pixels, refused, samples
from tests.tiny_model import train_people


@pytest.fixture(scope="module")
def image_run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_manifest: Path) -> Path:
    """A run whose files hold the layers and nobody."""
    mode = "model.params.personalization_config.params.test_mode=image"
    return train_people(tiny_model, tiny_manifest, tmp_path_factory.mktemp("logs"), mode)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, astronaut: Image.Image, hopper: Image.Image) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    astronaut.save(folder / "Eileen ü.png")
    hopper.save(folder / "grace.png")
    return [folder / "Eileen ü.png", folder / "grace.png"]


def test_each_photo_is_a_placeholder(image_run: Path, photos: list[Path], tmp_path: Path) -> None:
    one, other = photos
    common = ("--run", image_run, "--prompt", "a photo of sks", "--n", 1, "--out", tmp_path)
    generate(*common, "--photo", one)
    generate(*common, "--photo", other, "--photo", one)
    generate(*common[:2], "--prompt", "a photo of ks", *common[4:], "--photo", other, "--photo", one)
    rows = json.loads((tmp_path / "settings.json").read_text())["samples"]
    who = [[person.rpartition("-")[0] for person in row["people"]] for row in rows]
    assert sorted(who) == [["sks=Eileen-ü"], *[["sks=grace", "ks=Eileen-ü"]] * 2]
    first = pixels(samples(tmp_path, people=rows[0]["people"])[0])
    swapped = {row["prompt"]: pixels(tmp_path / row["file"]) for row in rows[1:]}
    assert abs(first - swapped["a photo of ks"]).max() <= 1
    assert (first != swapped["a photo of sks"]).any()


def test_from_ldm_import_load(image_run: Path, photos: list[Path]) -> None:
    assert load(image_run, photos=photos).people.shape[:2] == (2, 2)
    with pytest.raises(ValueError, match="give people or photos, not both"):
        load(image_run, people=[0], photos=photos)
    with pytest.raises(ValueError, match="nobody is chosen"):
        load(image_run, photos=[])
    with pytest.raises(LookupError, match="hold no people, but layers for new faces"):
        load(image_run)


def test_a_run_without_people_asks_for_a_photo(capsys: pytest.CaptureFixture[str], image_run: Path) -> None:
    said = refused(capsys, "--run", image_run, "--prompt", "sks")
    assert said.startswith("this run's files hold no people, but layers for new faces (test_mode image): give a photo")


def test_a_run_without_layers_takes_no_photo(
    capsys: pytest.CaptureFixture[str], tiny_run: Path, photos: list[Path]
) -> None:
    said = refused(capsys, "--run", tiny_run, "--prompt", "sks", "--photo", photos[0])
    assert said.startswith(
        "a new face needs the layers, which this run's files do not hold: train with test_mode image"
    )


def test_photos_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], image_run: Path, photos: list[Path], tmp_path: Path, tiny_model: Path
) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "grey.png")
    common = ("--run", image_run, "--prompt", "sks", "--out", tmp_path / "out")
    assert refused(capsys, *common, "--photo", tmp_path / "grey.png").startswith(f"{tmp_path / 'grey.png'}: no face")
    assert refused(capsys, *common, "--photo", tmp_path / "none.png") == f"photo not found: {tmp_path / 'none.png'}"
    said = refused(capsys, *common, *("--photo", photos[0]) * 8)
    assert said.startswith("8 people are chosen, but the run has 7 placeholders")
    for beside in (("--people", "0"), ("--mean",)):
        said = refused(capsys, *common, "--photo", photos[0], *beside)
        assert said == "--photo takes the place of --people and --mean: give one of them"
    said = refused(capsys, "--sd", tiny_model, "--prompt", "sks", "--photo", photos[0], "--out", tmp_path / "out")
    assert said == "--people, --photo, --mean and --step belong to a run: give --run logs/RUN"


def test_layers_for_other_face_vectors(
    capsys: pytest.CaptureFixture[str], image_run: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnnxEncoder, "name", property(lambda _: "glintr100", lambda *_: None), raising=False)
    said = refused(capsys, "--run", image_run, "--prompt", "sks", "--photo", photos[0])
    assert "face vectors of sface are needed, yunet-sface gives those of glintr100" in said


def test_layers_trained_on_the_published_crop_are_shown_it(
    image_run: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = load(image_run, photos=photos[:1]).people
    taken = EmbeddingManagerId._load_head

    def on_the_published_crop(manager: Any, tensors: Any, metadata: Any) -> None:
        taken(manager, tensors, {**metadata, "face_encoder": f"{metadata['face_encoder']}@published"})

    monkeypatch.setattr(EmbeddingManagerId, "_load_head", on_the_published_crop)
    published = load(image_run, photos=photos[:1]).people
    assert published.shape == usual.shape
    assert not torch.allclose(published, usual)
