"""The listing of generated pictures."""

import json
from pathlib import Path

import pytest
from PIL import Image

from evaluation.samples import Sample, by_prompt, paired, read_samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = []
    for prompt in ("a photo of sks", "a photo of ks"):
        for seed in (42, 43):
            name = f"samples/{len(rows):03d}.png"
            (tmp_path / "samples").mkdir(exist_ok=True)
            Image.new("RGB", (8, 8), "red").save(tmp_path / name)
            rows.append({"file": name, "prompt": prompt, "seed": seed, "people": {prompt.split()[-1]: 0}})
    (tmp_path / "settings.json").write_text(json.dumps({"samples": rows}))
    return tmp_path


def test_what_is_listed_is_read(folder: Path) -> None:
    samples = read_samples(folder)
    assert len(samples) == 4
    assert samples[0] == Sample(folder / "samples/000.png", "a photo of sks", 42, ("sks",))
    assert samples[0].open().size == (8, 8)
    assert {prompt: len(group) for prompt, group in by_prompt(samples).items()} == {
        "a photo of sks": 2,
        "a photo of ks": 2,
    }


def test_partners_have_the_same_prompt_and_seed(folder: Path) -> None:
    samples = read_samples(folder)
    pairs = paired(samples[:2], list(reversed(samples)))
    assert all((a.prompt, a.seed) == (b.prompt, b.seed) for a, b in pairs)


def test_a_picture_without_partner_is_named(folder: Path) -> None:
    samples = read_samples(folder)
    with pytest.raises(LookupError, match=r"1 of 4 pictures have no partner .* 'a photo of ks' with seed 43"):
        paired(samples, samples[:3])


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no settings\.json"):
        read_samples(tmp_path)


def test_an_empty_listing(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(ValueError, match="lists no pictures"):
        read_samples(tmp_path)


def test_a_deleted_picture(folder: Path) -> None:
    (folder / "samples/002.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 4 pictures .* are gone, first 002\.png"):
        read_samples(folder)
