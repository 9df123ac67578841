"""The judge of attributes trained on a CelebA of two people's pictures: kept, told apart, and refused by name."""

import json
import logging

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from evaluation.studies import attribute_judge as study
from tests.data.celeba_folder import write_csv

FILES = {f"{10 * split + who:06d}.jpg": (who, split) for split in range(3) for who in range(2)}
"""By file who is on it, and CelebA's number of its part."""


@pytest.fixture(scope="module")
def small_celeba(tmp_path_factory, astronaut, hopper):
    """In each part an astronaut who smiles and an admiral who wears a hat; every picture is a person of its own."""
    folder = tmp_path_factory.mktemp("celeba")
    (folder / "img_align_celeba").mkdir()
    for file, (who, _) in FILES.items():
        (astronaut, hopper)[who].resize((200, 200)).save(folder / "img_align_celeba" / file)
    rows = {file: ("Smiling", "Wearing_Hat")[who : who + 1] for file, (who, _) in FILES.items()}
    people = {file: (file, split) for file, (_, split) in FILES.items()}
    write_csv(folder / "attributes.csv", rows, people)
    return folder


NAMES = ("Smiling", "Wearing_Hat")


@pytest.fixture(scope="module")
def judge(small_celeba, tmp_path_factory):
    cache = tmp_path_factory.mktemp("judges")
    return study.attribute_judge(small_celeba, cache, NAMES), cache


def test_it_learns_on_one_part_and_is_measured_on_another(judge, astronaut, hopper):
    made, _ = judge
    assert made.names == NAMES
    assert made.accuracy == {"Smiling": 1.0, "Wearing_Hat": 1.0}
    said = made([astronaut, hopper, Image.new("RGB", (64, 64))])
    assert said["Smiling"][0] > 0.5 > said["Smiling"][1]
    assert said["Wearing_Hat"][1] > 0.5 > said["Wearing_Hat"][0]
    assert np.isnan(said["Smiling"][2])


def test_it_is_trained_once_for_the_same_labels_and_names(judge, small_celeba, monkeypatch, caplog):
    made, cache = judge
    [file] = cache.glob("attributes-*.safetensors")
    with safe_open(file, "pt") as kept:
        assert json.loads(kept.metadata()["names"]) == list(NAMES)
    trained = []
    monkeypatch.setattr(study, "_train", lambda folder, names, path: trained.append(path) or path.symlink_to(file))
    again = study.attribute_judge(small_celeba, cache, NAMES)
    assert trained == []
    assert again.thresholds == made.thresholds
    with caplog.at_level(logging.INFO):
        study.attribute_judge(small_celeba, cache, NAMES[:1])
    assert len(trained) == 1
    assert f"training the judge of attributes, some minutes once: {trained[0]}" in caplog.text
    assert trained[0].name != file.name


def test_what_cannot_be_learned_is_named(small_celeba, tmp_path):
    with pytest.raises(ValueError, match=r"CelebA has no attribute Tall; it has 5_o_Clock_Shadow, "):
        study.attribute_judge(small_celeba, tmp_path, ("Tall",))
    with pytest.raises(ValueError, match=r"Eyeglasses is true of all pictures of the part 'train' or of none"):
        study.attribute_judge(small_celeba, tmp_path, ("Smiling", "Eyeglasses"))
    assert not any(tmp_path.iterdir()), "nothing is kept of an attempt"


def test_pictures_without_faces_are_no_pictures_to_learn_from(tmp_path):
    (tmp_path / "img_align_celeba").mkdir()
    for file in FILES:
        Image.new("RGB", (64, 64)).save(tmp_path / "img_align_celeba" / file)
    people = {file: (file, split) for file, (_, split) in FILES.items()}
    write_csv(tmp_path / "attributes.csv", dict.fromkeys(FILES, ("Smiling",)), people)
    with pytest.raises(ValueError, match="no face is found in any picture"):
        study.attribute_judge(tmp_path, tmp_path / "judges", NAMES)
