"""The study of synthetic faces: arms, the recogniser, the verdict, the page, and the messages."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.bootstrap import Interval
from evaluation.studies.action_units import document
from evaluation.studies.action_units.requests import real_faces
from evaluation.studies.synthetic_gain import study
from evaluation.studies.synthetic_gain.arms import ARMS, BOTH, REAL, Told, gain, mean_score, verdict
from evaluation.studies.synthetic_gain.page import Found, section
from evaluation.studies.synthetic_gain.recogniser import Faces, read_faces, tell, train, with_truth
from ldm.commands.generate_options import Who

DRAWS = np.random.default_rng(1)


def bright_or_dark(count: int, people: int = 6) -> Faces:
    """AU12 is a bright lower half; AU25 is not known of every third picture."""
    there = DRAWS.random((count, 2)) < 0.5
    crops = DRAWS.integers(60, 110, (count, 64, 64, 3)).astype(np.uint8)
    crops[there[:, 0], 32:] += 120
    labels = there.astype(float)
    labels[::3, 1] = np.nan
    return Faces(crops, labels, np.array([f"p{n % people}" for n in range(count)]))


def test_arms_differ_in_what_they_are_trained_on_alone() -> None:
    real, drawn = bright_or_dark(4), bright_or_dark(3)
    sizes = {arm.key: len(arm.faces(real, drawn)) for arm in ARMS}
    assert sizes == {"real": 4, "twice": 8, "varied": 4, "synthetic": 3, "both": 7}
    twice = next(arm for arm in ARMS if arm.key == "twice").faces(real, drawn)
    assert (twice.crops[:4] == twice.crops[4:]).all()
    assert [arm.vary for arm in ARMS] == [False, False, True, False, False]


@pytest.mark.parametrize("vary", [False, True])
def test_the_recogniser_learns_what_is_known(vary: bool) -> None:
    faces, test = bright_or_dark(40), bright_or_dark(20)
    faces.labels[:, 1] = np.nan  # nothing is known of the second unit
    done: list[int] = []
    net = train(faces, 8, 23, vary, batch_size=16, advance=done.append)
    assert sum(done) == 8
    assert Told({23: tell(net, test)}).score(test.labels, np.arange(20), "AUC")[0] > 0.9


def test_scores_of_a_perfect_and_a_random_recogniser() -> None:
    test = bright_or_dark(60)
    perfect = Told({1: np.nan_to_num(test.labels) - 0.5, 2: np.nan_to_num(test.labels) - 0.5})
    random = Told({1: DRAWS.normal(size=(60, 2))})
    for measure in ("F1", "skew F1", "AUC"):
        assert mean_score(perfect, test.labels, test.people, measure, 20).value == 1
    more = gain(perfect, random, test.labels, test.people, "F1", 50)
    assert more.low > 0
    assert gain(random, random, test.labels, test.people, "AUC", 20).value == 0
    nothing = np.full((60, 2), np.nan)
    assert np.isnan(mean_score(perfect, nothing, test.people, "F1", 5).value)


def test_the_verdict_follows_from_the_intervals() -> None:
    good, none, bad = Interval(0.1, 0.05, 0.2, 9), Interval(0.0, -0.1, 0.1, 9), Interval(-0.1, -0.2, -0.05, 9)
    assert verdict(good, {"a": good, "b": good}).startswith("**Synthetic faces help**")
    assert "but not b" in verdict(good, {"a": good, "b": none})
    assert "not told apart" in verdict(none, {"a": good})
    assert verdict(bad, {"a": bad}).startswith("**Synthetic faces harm**")


def test_the_section_has_every_arm_and_unit() -> None:
    test = bright_or_dark(30)
    told = {arm.key: Told({seed: DRAWS.normal(size=(30, 2)) for seed in (23, 24, 25)}) for arm in ARMS}
    found = Found(told, test, [12, 25], True, 20)
    assert not found.verdict.startswith("**No verdict")
    few = {key: Told({23: own.logits[23]}) for key, own in told.items()}
    assert Found(few, test, [12, 25], True, 20).verdict == "**No verdict**: 1 of at least 3 seeds."
    text = section(found, "What was done.")
    assert text.startswith("What was done.\n\n**")
    for arm in ARMS:
        assert f"| {arm.title} |" in text
    assert "| AU12 | people |" in text
    assert set(found.numbers) == {"verdict", "means", "gains", "units"}
    assert BOTH.key not in found.gains
    assert REAL.key in found.gains


def prepared(folder: Path, people: str, units: tuple[int, ...] = (12, 25)) -> Path:
    """A folder as `prepare au` leaves it, two pictures of each of the people."""
    rows = [f"{who}/{n}.png" for who in people for n in (0, 1)]
    for number, row in enumerate(rows):
        (folder / row).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (40 * (number % 3), 90, 90)).save(folder / row)
    there = np.array([[float((n + place) % 2) for place in range(len(units))] for n in range(len(rows))])
    np.savez(folder / "action_units.npz", paths=np.array(rows), units=np.array(units), occurrence=there,
             intensity=np.full(there.shape, np.nan))  # fmt: skip
    (folder / "labels.csv").write_text("path,subject\n" + "".join(f"{row},{row[0]}\n" for row in rows))
    return folder


def request(tmp_path: Path, tiny_model: Path, **more: object) -> study.Request:
    given = {"who": Who(None, tiny_model), "train": tmp_path / "train", "test": tmp_path / "test"}
    few = {"out": tmp_path / "out", "num_real": 4, "num_synthetic": 3, "steps": 1, "seeds": (23,), "words": "code"}
    return study.Request(**{**given, **few, "drawing_steps": 1, "document": False, **more})  # type: ignore[arg-type]


def test_from_folders_to_a_verdict_and_nothing_twice(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path / "train", "abc")
    prepared(tmp_path / "test", "de")
    monkeypatch.setattr(document, "PAGE", tmp_path / "page.md")
    study.run(request(tmp_path, tiny_model, document=True))
    assert "## Synthetic faces as training data" in (tmp_path / "page.md").read_text()
    cells = sorted((tmp_path / "out" / "cells").iterdir())
    assert [cell.name for cell in cells] == [
        f"{key}-23.npy" for key in ("both", "real", "synthetic", "twice", "varied")
    ]
    before = [cell.stat().st_mtime_ns for cell in cells]
    study.run(request(tmp_path, tiny_model))
    assert [cell.stat().st_mtime_ns for cell in cells] == before
    assert "| real and synthetic |" in capsys.readouterr().out
    with pytest.raises(ValueError, match="holds pictures made with other settings"):
        study.run(request(tmp_path, tiny_model, steps=2))
    with monkeypatch.context() as trained:
        trained.setattr(study, "run_files", lambda _run: ["abc"])
        with pytest.raises(ValueError, match=r"files: \[\] is now \['abc'\]"):
            study.run(request(tmp_path, tiny_model))
    prepared(tmp_path / "train", "abcf")
    with pytest.raises(ValueError, match="labels: "):
        study.run(request(tmp_path, tiny_model))


def test_what_it_refuses(tmp_path: Path, tiny_model: Path) -> None:
    prepared(tmp_path / "train", "abc")
    prepared(tmp_path / "test", "cd")
    with pytest.raises(ValueError, match="subject c is in the splits"):
        study.run(request(tmp_path, tiny_model))
    prepared(tmp_path / "test", "de", (12,)).joinpath("labels.csv").write_text("path,subject\nd/0.png,d\n")
    with pytest.raises(ValueError, match="AU25 is not labelled in both folders; there are 12"):
        study.run(request(tmp_path, tiny_model, units=(25,)))
    with pytest.raises(ValueError, match="has 6 pictures, 7 real ones are wanted"):
        study.run(request(tmp_path, tiny_model, num_real=7))
    (tmp_path / "train" / "action_units.npz").unlink()
    with pytest.raises(FileNotFoundError, match="make the folder with `python -m ldm prepare au`"):
        study.run(request(tmp_path, tiny_model))


def test_people_s_labels_go_before_measured_ones(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "train", "a")
    faces = real_faces(folder, [12, 25], 9)
    (tmp_path / "truth.csv").write_text("path,AU12\na/0.png,1\n")
    found = with_truth(faces, folder, tmp_path / "truth.csv")
    assert [dict(one.present) for one in found] == [{12: True, 25: True}, {12: True, 25: False}]
    read = read_faces(found, [12, 25], 16, lambda count: None)
    assert read.crops.shape == (2, 16, 16, 3)
    assert read.labels.tolist() == [[1, 1], [1, 0]]
    (tmp_path / "other").mkdir()
    (folder / "a" / "2.png").write_bytes((folder / "a" / "0.png").read_bytes())
    (tmp_path / "truth.csv").write_text("path,AU12\na/2.png,1\n")
    with pytest.raises(ValueError, match="has labels of none of the pictures"):
        with_truth(faces, folder, tmp_path / "truth.csv")
