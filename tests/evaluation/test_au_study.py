"""`evaluate au`: what is asked for, what readers say, what comes out of it, and the messages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation.au_plots import Curve, draw_likeness, draw_responses
from evaluation.bootstrap import Interval
from evaluation.report import as_json
from evaluation.studies.action_units import identity, pages
from evaluation.studies.action_units.ceiling import ceilings
from evaluation.studies.action_units.kept import Kept
from evaluation.studies.action_units.readers import read_pictures
from evaluation.studies.action_units.requests import RealFace, Speech, Wanted, as_real, real_faces, sweeps
from evaluation.studies.action_units.results import UnitResult, faces_found, gates, unit_results

LEVELS = (0.0, 1, 3, 5)
VECTOR = Speech(None, (6, 12), "bop")


class Truthful:
    """Reads what the colour of a picture says: red is AU12, green AU25, blue tells that there is no face."""

    def __init__(self, independent: bool = True) -> None:
        self.name, self.independent = ("people" if independent else "shapes"), independent
        self.present_from = {12: 2.0, 25: 2.0}
        self.looked = 0

    def __call__(self, picture: Image.Image) -> dict[int, float] | None:
        self.looked += 1
        red, green, blue = picture.convert("RGB").getpixel((0, 0))
        return None if blue else {12: red / 50, 25: green / 50}


def drawn(wanted: list[Wanted], out: Path, listens: bool = True) -> None:
    """Pictures whose red is as asked for; a quarter of it goes over to AU25."""
    for one in wanted:
        red = int(50 * next(iter(one.asked.values()))) if listens else 100
        (out / one.request.file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (red, red // 4, 0)).save(out / one.request.file)


def results_of(tmp_path: Path, listens: bool = True, readers: list[Any] | None = None) -> tuple[list[UnitResult], Any]:
    wanted = sweeps(Speech("sentence"), ["a photo of ada", "a photo of bo"], [12], LEVELS, [42, 43])
    drawn(wanted, tmp_path, listens)
    looking = readers or [Truthful()]
    said = read_pictures(
        looking, [w.request.file for w in wanted], lambda f: Image.open(tmp_path / f), Kept(tmp_path / "r")
    )
    return unit_results(wanted, said, looking, [12], 50), (wanted, said)


def test_a_sweep_asks_for_one_unit_from_the_same_noise() -> None:
    wanted = sweeps(VECTOR, ["a face"], [12], LEVELS, [7, 8])
    assert [one.request.vector[1] for one in wanted[:4]] == [0, 1, 3, 5]
    assert all(np.isnan(one.request.vector[0]) for one in wanted)
    assert {one.request.prompt for one in wanted} == {"a face bop"}
    assert [one.request.seed for one in wanted] == [7] * 4 + [8] * 4
    assert [one.present.get(12) for one in wanted[:4]] == [False, None, True, True]
    assert {one.person for one in wanted} == {"noise 7", "noise 8"}
    absent = sweeps(Speech(None, (6, 12), "bop", "absent"), ["a face"], [12], LEVELS, [7])
    assert [one.request.vector[0] for one in absent] == [0] * 4


def test_words_say_the_degree_and_a_blind_model_is_told_nothing() -> None:
    words = sweeps(Speech("sentence"), ["a face", "a man"], [12], LEVELS, [7])
    assert words[0].request.prompt == "a face"
    assert words[3].request.prompt == "a face extremely pulling their lip corners up"
    assert words[4].person == "a man"
    blind = sweeps(Speech("sentence", blind=True), ["a face"], [12], LEVELS, [7])
    assert {one.request.prompt for one in blind} == {"a face"}
    assert len({one.request.seed for one in blind}) == 4
    unseeing = sweeps(Speech(None, (6, 12), "bop", blind=True), ["a face"], [12], LEVELS, [7])
    assert all(np.isnan(one.request.vector).all() for one in unseeing)


def prepared(folder: Path) -> Path:
    folder.mkdir()
    np.savez(
        folder / "action_units.npz", paths=np.array(["ada/1.jpg", "bo/2.jpg"]), units=np.array([6, 12]),
        occurrence=np.array([[1.0, 0.0], [np.nan, 1.0]]), intensity=np.array([[np.nan, 0.5], [np.nan, 1.5]]),
    )  # fmt: skip
    (folder / "labels.csv").write_text("path,subject\nada/1.jpg,ada\nbo/2.jpg,bo\n")
    return folder


def test_real_faces_are_asked_for_as_they_are(tmp_path: Path) -> None:
    faces = real_faces(prepared(tmp_path / "real"), [6, 12, 25], 10)
    assert [(one.person, dict(one.asked), dict(one.present)) for one in faces] == [
        ("ada", {6: 3.0, 12: 0.5}, {6: True, 12: False}), ("bo", {12: 1.5}, {12: True}),
    ]  # fmt: skip
    told = as_real(VECTOR, ["a face"], faces)
    assert told[0].request.vector == (3.0, 0.5)
    assert told[1].person == "bo"
    words = as_real(Speech("code"), ["a face"], faces)
    assert [one.request.prompt for one in words] == ["a face,AU6", "a face,AU12"]


def test_a_model_that_obeys_and_one_that_is_deaf(tmp_path: Path) -> None:
    [obeys], _ = results_of(tmp_path / "a")
    assert obeys.alone.auc.value == obeys.alone.f1.value == obeys.dose.spearman.value == pytest.approx(1)
    assert obeys.dose.slope.value == pytest.approx(1)
    assert [one.value for one in obeys.curve] == pytest.approx([0, 1, 3, 5])
    assert obeys.leak is not None
    assert obeys.leak.value == pytest.approx(1.25, abs=0.05)
    assert obeys.leak_share == pytest.approx(0.25, abs=0.01)
    assert obeys.leaks_into is not None
    assert obeys.leaks_into[0] == 25
    assert [(one.wanted, one.met) for one in gates([obeys], True)] == [(0.8, True), (0.7, True)]
    assert len(gates([obeys], False)) == 1
    [deaf], _ = results_of(tmp_path / "b", listens=False)
    assert (deaf.alone.auc.value, deaf.dose.spearman.value, deaf.dose.monotonicity.value) == (0.5, 0, 0.5)
    assert not any(one.met for one in gates([deaf], True))


def test_gates_are_of_independent_readers_only(tmp_path: Path) -> None:
    found, (_, said) = results_of(tmp_path, readers=[Truthful(), Truthful(independent=False)])
    assert [one.reader for one in found] == ["people", "shapes"]
    assert len(gates(found, True)) == 2
    assert faces_found(said) == {"people": 1, "shapes": 1}


def test_a_picture_is_read_once(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (100, 0, 0)).save(tmp_path / "a.png")
    reader = Truthful()
    for _ in range(2):
        said = read_pictures([reader], ["a.png"], lambda f: Image.open(tmp_path / f), Kept(tmp_path / "kept.jsonl"))
        assert said == {"people": [{12: 2.0, 25: 0.0}]}
    assert reader.looked == 1
    with (tmp_path / "kept.jsonl").open("a") as lines:
        lines.write('{"key": "b", "val')
    kept = Kept(tmp_path / "kept.jsonl")
    kept.put("c", [1])
    assert (kept.get("b"), Kept(tmp_path / "kept.jsonl").get("c")) == (None, [1])


def test_the_ceiling_is_the_readers_own(tmp_path: Path) -> None:
    faces = []
    for number in range(6):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (4, 4), (40 * number, 0, 0)).save(path)
        faces.append(RealFace(path, f"p{number}", {12: 0.8 * number}, {12: number >= 3}))
    [top] = ceilings(Truthful(), faces, lambda path: Image.open(path), Kept(tmp_path / "k"), "people's labels", 50)
    assert (top.unit, top.found.auc.value) == (12, 1.0)
    assert top.found.icc.value == pytest.approx(1)
    assert top.full is not None
    [same] = ceilings(Truthful(False), faces, lambda path: Image.open(path), Kept(tmp_path / "l"), "shapes", 50)
    assert same.full is None


class Colours:
    """A judge to whom a picture's person is its green, and 5 is a picture without a face."""

    name, encoder_name = "colours", "none"

    def vector(self, image: Image.Image) -> Any:
        red, green, _ = image.convert("RGB").getpixel((0, 0))
        angle = green / 100 + red / 500
        return np.array([np.cos(angle), np.sin(angle)], np.float32) if red < 255 else None

    def vectors(self, images: Any) -> Any:
        return [self.vector(image) for image in images]


def people_in_colours(folder: Path, prompts: list[str], drawn: list[int], known: list[int]) -> list[Wanted]:
    """Pictures of two people, asked for at two levels, and a photo of each: who somebody is, is how green they are."""
    wanted = sweeps(Speech("sentence"), prompts, [12], (0.0, 5.0), [42])
    for one in wanted:
        green, red = drawn[prompts.index(one.person)], int(40 * one.asked[12])
        (folder / one.request.file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (red, green, 0)).save(folder / one.request.file)
    for prompt, green in zip(prompts, known, strict=True):
        own = folder / "photos" / prompt.removeprefix("a photo of ").replace(" ", "_")
        own.mkdir(parents=True)
        Image.new("RGB", (200, 200), (0, green, 0)).save(own / "1.png")
    return wanted


def test_identity_along_the_sweep(tmp_path: Path) -> None:
    wanted = people_in_colours(tmp_path, ["a photo of ada", "a photo of Bo Li"], [0, 150], [0, 150])
    photos = identity.photos_of([one.person for one in wanted], tmp_path / "photos")
    found = identity.likeness(Colours(), wanted, tmp_path, Kept(tmp_path / "v"), 0.0, photos)
    assert found.neutral_auc == {"a photo of ada": 1.0, "a photo of Bo Li": 1.0}
    assert found.mean[0].value == pytest.approx(1, abs=1e-4)
    assert found.ratio == pytest.approx(np.cos(0.4), abs=1e-4)
    assert found.drop.value == pytest.approx(1 - np.cos(0.4), abs=1e-4)
    alone = identity.likeness(Colours(), wanted, tmp_path, Kept(tmp_path / "v"), 0.0)
    assert alone.neutral_auc == {}
    assert alone.ratio is None
    with pytest.raises(ValueError, match="no sub-folder of photos that is called like somebody in 'a photo of eve'"):
        identity.photos_of(["a photo of eve"], tmp_path / "photos")
    with pytest.raises(ValueError, match="let --levels begin with 0"):
        identity.likeness(Colours(), wanted[1::2], tmp_path, Kept(tmp_path / "v"), 0.0)


def test_whom_neutral_pictures_show_is_asked_both_ways(tmp_path: Path) -> None:
    """Bo's picture is nearer to Bo's photos than Ada's are, but Ada's picture is nearer to them still."""
    wanted = people_in_colours(tmp_path, ["a photo of ada", "a photo of bo"], [140, 120], [0, 150])
    photos = identity.photos_of([one.person for one in wanted], tmp_path / "photos")
    found = identity.likeness(Colours(), wanted, tmp_path, Kept(tmp_path / "v"), 0.0, photos)
    assert found.neutral_auc == {"a photo of ada": 0.0, "a photo of bo": 0.5}


def test_the_report_says_all(tmp_path: Path) -> None:
    found, (wanted, said) = results_of(tmp_path, readers=[Truthful(), Truthful(independent=False)])
    like = identity.Likeness("j", "other photos of them", LEVELS, {"a": [0.5, 0.5, 0.4, 0.4]}, {"a": 0.9})
    made = pages.report(
        pages.Found("RUN", found, [], like, gates(found, True), faces_found(said), wanted, tmp_path, {"seed": 1})
    )
    told = as_json(made)
    assert [row["gate"] for row in told["tables"]["gates"]][-1].startswith("identity at every level")
    assert told["tables"]["gates"][-1]["found"] == pytest.approx(0.8)
    assert told["tables"]["asked-for-and-measured"][0]["AUC"] == 1
    assert told["tables"]["dose-and-response"][0]["Spearman"] == pytest.approx(1, abs=1e-4)
    readers = [row["read by"] for row in told["tables"]["dose-and-response"]]
    assert readers == ["people", "shapes (same detector as the labels)"]
    assert "falls by 0.100" in made.tables()[-1].note
    assert any("agrees with its own teacher" in notice for notice in made.notices)


def test_plots_are_png_and_nothing_is_an_error() -> None:
    values = [Interval(x, x - 0.2, x + 0.2, 3) for x in (0.0, 2.0)]
    curve = Curve("a", (0, 5), values)
    assert draw_responses({"AU12": [curve, Curve("b", (0, 5), values)]}).startswith(b"\x89PNG")
    assert draw_likeness([curve], "cosine").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no response to draw"):
        draw_responses({})
