"""The study of pairs: who is drawn, what is kept, what is counted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation.samples import Sample
from evaluation.scripts import Scripts
from evaluation.studies import pairs as study
from ldm.data.manifest import Record, write_manifest

PEOPLE = [f"Person_{number:03d}" for number in range(100)]


@pytest.fixture
def album(tmp_path: Path, draw) -> Path:
    """A hundred people with five photos each: red ones and blue ones."""
    generator = np.random.default_rng(0)
    for number in range(100):
        folder = tmp_path / "lfw" / f"Person_{number:03d}"
        folder.mkdir(parents=True)
        for photo in range(5):
            draw(generator.choice(["red", "blue"])).save(folder / f"Person_{number:03d}_{photo}.png")
    return tmp_path / "lfw"


class StandIn(Scripts):
    """Draws two faces, the first prompt's people in place and the second's swapped."""

    encoder = "sface"
    trained = 0

    def align(self, photos: Path, aligned: Path) -> Path:
        aligned.mkdir(parents=True, exist_ok=True)
        records = []
        for photo in sorted(photos.iterdir()):
            (aligned / photo.name).write_bytes(photo.read_bytes())
            records.append(Record(Path("aligned") / photo.name, photo.stem, encoder=self.encoder))
        write_manifest(aligned.with_suffix(".jsonl"), records)
        return aligned.with_suffix(".jsonl")

    def train(self, manifest: Path, logdir: Path, overrides: Sequence[str] = ()) -> Path:
        type(self).trained += 1
        return logdir / "run"

    def generate(self, run: Path, prompts: Sequence[str], each: int, out: Path, *extra: str) -> list[Sample]:
        import json

        out.mkdir(parents=True)
        rows = []
        for prompt in prompts:
            for seed in range(each):
                name = f"{len(rows)}.png"
                image = Image.new("RGB", (64, 64), (90, 90, 90))
                image.paste((255, 0, 0), (4, 10, 28, 54))
                image.paste((0, 0, 255), (36, 10, 60, 54))
                image.save(out / name)
                rows.append({"file": name, "prompt": prompt, "seed": seed})
        (out / "settings.json").write_text(json.dumps({"samples": rows}))
        return study.read_samples(out)


@pytest.fixture
def small(album: Path, tmp_path: Path, colour_judge, draw, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments of a study of two pairs, red with blue, judged by colour."""
    pairs = study.choose_pairs(album, PEOPLE, 2)
    for pair in pairs:
        for colour, photos in zip(("red", "blue"), pair.photos, strict=True):
            for photo in photos:
                draw(colour).save(photo)
    (tmp_path / "net.safetensors").write_bytes(b"1")
    (tmp_path / "method.yaml").write_text("model: {base_learning_rate: 1}")
    monkeypatch.setattr(study, "read_held_out", lambda: PEOPLE)
    monkeypatch.setattr(study, "Scripts", StandIn)
    monkeypatch.setattr(StandIn, "trained", 0)
    monkeypatch.setattr(study, "load_judge", lambda name: colour_judge)
    monkeypatch.setattr(study, "strangers_percentile", lambda judge, side=None: -0.06)
    return {
        "photos": album, "judge_names": ["colours"], "num_pairs": 2, "pictures": 4, "sd": tmp_path / "net.safetensors",
        "config": tmp_path / "method.yaml", "out": tmp_path / "out", "document": False,
    }  # fmt: skip


def test_pairs_are_disjoint_held_out_and_the_same_each_time(album: Path) -> None:
    pairs = study.choose_pairs(album, PEOPLE, 30)
    names = [name for pair in pairs for name in pair.names]
    assert len(set(names)) == 60
    assert set(names) <= set(PEOPLE)
    assert pairs == study.choose_pairs(album, PEOPLE, 30)
    assert all(
        photo.parent.name == name
        for pair in pairs
        for name, own in zip(*[pair.names, pair.photos], strict=True)
        for photo in own
    )


def test_more_pairs_than_people(album: Path) -> None:
    with pytest.raises(ValueError, match="51 disjoint pairs need 102 people, 100 are held out"):
        study.choose_pairs(album, PEOPLE, 51)


def test_another_folder_than_lfw(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"fewer than two photos of 4 people, first Person_\d+: is it LFW"):
        study.choose_pairs(tmp_path, PEOPLE, 2)


def test_the_repositorys_list_names_a_hundred_people() -> None:
    people = study.read_held_out()
    assert len(set(people)) == 100
    assert "Albert_Costa" in people


def test_numbers_of_known_pictures(small: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    study.run(**small)
    out = capsys.readouterr().out
    # two faces always; in place for the prompt that names red first, swapped for the other; both people are there
    assert "| `colours` | 100 % (100 to 100) | 50 % (50 to 50) | 50 % (50 to 50) (2 pairs) | 1.000 |" in out


def test_again_trains_nothing_that_is_done(small: dict[str, Any]) -> None:
    study.run(**small)
    assert StandIn.trained == 2
    study.run(**small)
    assert StandIn.trained == 2


def test_other_settings_do_not_mix(small: dict[str, Any]) -> None:
    study.run(**small)
    with pytest.raises(ValueError, match=r"pictures: 4 is now 8\): name another folder with --out"):
        study.run(**(small | {"pictures": 8}))


def test_pairs_of_other_weights_or_of_a_changed_config_are_not_taken(small: dict[str, Any]) -> None:
    study.run(**small)
    small["config"].write_text("model: {base_learning_rate: 2} # faster")
    with pytest.raises(ValueError, match=r"\(config_says: \w+ is now \w+\): name another folder"):
        study.run(**small)
    small["config"].write_text("model: {base_learning_rate: 1} # as before")
    study.run(**small)
    small["sd"].write_bytes(b"2")
    with pytest.raises(ValueError, match=r"\(weights: \w+ is now \w+\): name another folder"):
        study.run(**small)


def test_the_conditioning_net_alone_is_refused_before_training(
    small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandIn, "encoder", "colour-net")
    with pytest.raises(ValueError, match="colour-net conditioned the model and cannot be the only judge"):
        study.run(**small)
    assert StandIn.trained == 0


def test_the_photo_that_was_learned_from_is_not_what_judges_know(
    small: dict[str, Any], draw, capsys: pytest.CaptureFixture[str]
) -> None:
    for pair in study.choose_pairs(small["photos"], PEOPLE, 2):
        for photos in pair.photos:
            draw("lime").save(photos[0])
    study.run(**small)
    assert "50 % (50 to 50) (2 pairs) | 1.000 |" in capsys.readouterr().out
