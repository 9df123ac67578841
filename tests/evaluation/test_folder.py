"""Scores of a folder of pictures, and the command that prints them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.folder import named_in, score_prompts
from evaluation.samples import Sample
from ldm.commands import load_command
from ldm.commands.evaluate import parse_photos

UNDETECTED = -0.06


@pytest.fixture
def sample(tmp_path: Path, draw):  # type: ignore[no-untyped-def]
    def make(prompt: str, seed: int, *colours: str) -> Sample:
        path = tmp_path / f"{abs(hash((prompt, seed)))}.png"
        draw(*colours).save(path)
        return Sample(path, prompt, seed)

    return make


def test_rows_by_prompt(colour_judge, person, sample) -> None:
    samples = [
        sample("a photo of sks", 0, "red"),
        sample("a photo of sks", 1),
        sample("a photo of ks and sks", 0, "blue", "red"),
        sample("a photo of ks and sks", 1, "red", "blue"),
        sample("sks, ks and kz", 0, "red", "blue"),
        sample("a photo of nobody", 0, "red"),
    ]
    references = {"sks": person("red"), "ks": person("blue"), "kz": person("lime")}
    rows = score_prompts(colour_judge, samples, references, UNDETECTED)
    assert [row["prompt"] for row in rows] == ["a photo of sks", "a photo of ks and sks", "sks, ks and kz"]
    alone, pair, three = rows
    assert (alone["n"], alone["detected"], alone["identity"]) == (2, 1, pytest.approx((1 + UNDETECTED) / 2))
    assert alone["low"] == UNDETECTED
    assert alone["high"] == 1.0
    assert pair["people"] == ["ks", "sks"]
    assert (pair["two_faces"], pair["assigned"], pair["identity"]) == (2, 1, 1.0)
    assert three["identity"] == pytest.approx((2 + UNDETECTED) / 3, abs=1e-4)


def test_steps_and_choices_of_people_are_not_mixed(colour_judge, person, sample) -> None:
    one = sample("a photo of sks", 0, "red")
    samples = [one, replace(one, step=199), replace(one, step=199, people=("sks=1",)), replace(one, step=199, seed=1)]
    rows = score_prompts(colour_judge, samples, {"sks": person("red")}, UNDETECTED)
    assert [(row["step"], row["chosen"], row["n"]) for row in rows] == [
        (None, [], 1),
        (199, [], 2),
        (199, ["sks=1"], 1),
    ]


def test_whole_words_only() -> None:
    assert named_in("flasks of sks", ["ks", "sks"]) == ["sks"]


def test_nobody_in_the_prompts(colour_judge, person, sample) -> None:
    with pytest.raises(ValueError, match="no prompt names sks or ks"):
        score_prompts(
            colour_judge, [sample("flasks", 0, "red")], {"sks": person("red"), "ks": person("blue")}, UNDETECTED
        )


@pytest.mark.parametrize("text", ["me.jpg", "=me.jpg", "sks="])
def test_photos_have_a_placeholder(text: str) -> None:
    with pytest.raises(ValueError, match=r"write PLACEHOLDER=PHOTO, like sks=me\.jpg"):
        parse_photos([text])


def test_a_placeholder_has_one_photo() -> None:
    with pytest.raises(ValueError, match=r"sks has a photo already, a\.jpg"):
        parse_photos(["sks=a.jpg", "sks=b.jpg"])


def test_command_prints_and_writes(tmp_path: Path, astronaut) -> None:
    astronaut.save(tmp_path / "photo.png")
    astronaut.crop((60, 0, 420, 360)).resize((64, 64)).save(tmp_path / "0.png")
    rows = [{"file": "0.png", "prompt": "a photo of sks", "seed": 42, "people": ["sks=0"], "step": 9}]
    (tmp_path / "settings.json").write_text(json.dumps({"samples": rows}))
    command = ["identity", "--pictures", str(tmp_path), "--photo", f"sks={tmp_path / 'photo.png'}"]
    command += ["--judge", "yunet-sface", "--json", str(tmp_path / "scores.json")]
    result = CliRunner().invoke(load_command("evaluate"), command)
    assert result.exit_code == 0, result.output
    assert "face in 1 of 1  a photo of sks  (step 9, sks=0)" in result.output
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["judge"] == "yunet+sface"
    assert written["prompts"][0]["identity"] > 0.5
