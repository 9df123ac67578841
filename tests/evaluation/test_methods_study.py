"""The studies of methods: who, how, what comes out of the numbers, and one small study from photos to the page."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation.identity import SeenFace
from evaluation.studies.methods import arms, compare, lora_rank, run
from evaluation.studies.methods.arms import BASE, Arm, Design, factorial, methods
from evaluation.studies.methods.cells import Cell, Cells, Eyes
from evaluation.studies.methods.pages import write_pages
from evaluation.studies.methods.people import people_in
from evaluation.studies.methods.results import Result, read_results, two_way, word
from evaluation.vision import ClipJudge
from ldm.config import load_config
from ldm.runs.claim import claim
from tests.conftest import ROOT


def result(arm: Arm, steps: int, identity: Sequence[float], obedience: float = 0.5) -> Result:
    """Two people, one seed."""
    rows = [
        [Cell(f"p{i}", arm.key, 23, steps, [value], 1.0, {"hat": obedience}, 9.0, 0.5, [0.0], 0.1, 100, 1.0)]
        for i, value in enumerate(identity)
    ]
    return Result(arm, steps, rows)


def lora(rank: int, rate: float = 1e-3) -> Arm:
    return Arm(f"LoRA r{rank} lr {rate:g}", Path("lora.yaml"), rate=rate, rank=rank)


FULL = Arm("full lr 1e-4", Path("dreambooth.yaml"), rate=1e-4)
RESULTS = [
    result(BASE, 0, [0.1, 0.1]),
    result(FULL, 50, [0.3, 0.4]),
    result(lora(2), 50, [0.2, 0.2]), result(lora(2), 100, [0.3, 0.3]),
    result(lora(8), 50, [0.48, 0.58], 0.2), result(lora(8), 100, [0.5, 0.6], 0.1),
    result(lora(32), 50, [0.0, 0.1]), result(lora(32), 100, [0.1, 0.0]),
]  # fmt: skip


def test_half_of_the_photos_are_kept_back(tmp_path: Path, hopper: Image.Image) -> None:
    for person in (0, 2, 10):
        for number in range(4 if person else 3):
            hopper.resize((16, 16)).save(tmp_path / f"{person * 10 + number:05d}_id{person}_#{number}.jpg")
    found = people_in(tmp_path, 2)
    assert [one.name for one in found] == ["id2", "id10"]
    assert not set(found[0].learned) & set(found[0].known)
    assert (len(found[0].learned), len(found[0].known)) == (2, 2)
    with pytest.raises(ValueError, match="has 2 people with four photos or more, 3 are wanted"):
        people_in(tmp_path, 3)


def test_the_factorial_is_whole_and_differs_in_nothing_else() -> None:
    made = factorial(Design(ranks=(2, 4), rates=(1e-3, 2e-3), full_rates=(1e-4,), looks=(5, 9)))
    assert [one.key for one in made] == [
        "base", "full lr 0.0001", "LoRA r2 lr 0.001", "LoRA r2 lr 0.002", "LoRA r4 lr 0.001", "LoRA r4 lr 0.002",
    ]  # fmt: skip
    assert {one.looks for one in made[1:]} == {(5, 9)}
    shared = [set(one.overrides) for one in made[1:]]
    assert set.intersection(*shared) == shared[0]


@pytest.mark.parametrize("arm", [*factorial(Design()), *methods()], ids=lambda arm: arm.key)
def test_every_arm_is_a_config_that_is_sound(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if arm.config is not None:
        load_config([arm.config], arm.overrides, required=("model", "data"))


def test_intervals_resample_people_and_seeds() -> None:
    same = two_way(np.full((3, 2), 0.25))
    assert (same.value, same.low, same.high) == (0.25, 0.25, 0.25)
    people, seeds = two_way(np.array([[0.0] * 2, [1.0] * 2] * 5)), two_way(np.array([[0.0, 1.0]] * 10))
    assert people.high - people.low > seeds.high - seeds.low > 0
    assert np.isnan(two_way(np.full((2, 2), np.nan)).value)
    assert two_way(np.array([[0.5, np.nan]])).value == 0.5
    assert word(two_way(np.array([[1.0]]))) == "not told apart", "one person says nothing"


def test_the_verdict_follows_from_the_numbers() -> None:
    assert lora_rank.best(RESULTS, lora=True).name == "LoRA r8 lr 0.001, 100 steps"
    assert lora_rank.best(RESULTS, lora=False).name == "full lr 1e-4, 50 steps"
    assert lora_rank.steps_to_enough(RESULTS) == {2: 100, 8: 50, 32: None}
    said = lora_rank.verdict(RESULTS)
    assert "highest of 1 and of 6 looks on the cells that are compared here" in said
    assert "LoRA less full, identity: +0.200 (+0.200 to +0.200): more" in said
    assert "obedience: -0.400 (-0.400 to -0.400): less" in said
    assert "Rank 32, to 90% of its best rise: never rises above the untouched model" in said
    assert "Not beaten in identity and obedience together: full lr 1e-4, 50 steps; LoRA r8 lr 0.001, 50 steps" in said


def test_margins_average_over_the_other_factors() -> None:
    rows = [line.split("|") for line in lora_rank.margins(RESULTS).splitlines()[2:]]
    said = {row[1].strip(): float(row[2]) for row in rows}
    assert said == pytest.approx({"rank 2": 0.25, "rank 8": 0.54, "rank 32": 0.05, "learning rate 0.001": 0.28,
                                  "steps 50": 0.26, "steps 100": 0.3}, abs=1e-3)  # fmt: skip


def test_methods_are_compared_at_their_last_looks() -> None:
    first, second = (Arm(key, Path("x.yaml")) for key in compare.PAIRS[0])
    said = compare.differences(
        [result(first, 1, [0.9, 0.9]), result(first, 2, [0.2, 0.3]), result(second, 2, [0.1, 0.2])]
    )
    assert said.startswith("* DreamBooth less DreamBooth without class pictures: identity +0.100")
    assert compare.differences([result(first, 1, [0.1, 0.1])]) == ""


class FakeJudge:
    """Sees a face in everything; its vector is the mean colour."""

    name, encoder_name = "fake", "fake"

    def faces(self, image: Image.Image) -> list[SeenFace]:
        colour = np.asarray(image.convert("RGB"), np.float32).mean((0, 1)) + 1
        box = np.array([0, 0, *image.size], np.float32)
        return [SeenFace(box, colour / np.linalg.norm(colour))]

    def vector(self, image: Image.Image) -> Any:
        return self.faces(image)[0].vector

    def vectors(self, images: Sequence[Image.Image]) -> list[Any]:
        return [self.vector(image) for image in images]


def request_for(out: Path, sd: Path, **given: Any) -> run.Request:
    return run.Request(Path("photos"), "fake", None, sd, 2, [23], 2, 1, 2, out, False, **given)


def test_a_page_names_the_command_that_made_it() -> None:
    said = run.command_of(
        "lora_rank", request_for(Path("o"), Path("w"), prompts=["a {} hat"]), {"rank": (2, 8), "arm": []}
    )
    assert said == (
        "python -m ldm study lora_rank --photos PHOTOS --judge fake --prompt 'a {} hat' --people 2 --seeds 1 --rank 2 "
        "--rank 8 --each 2 --asked 1 --drawing-steps 2"
    )


def test_prompts_and_their_judge_are_settings_only_where_given(tiny_model: Path, tmp_path: Path) -> None:
    claim(tmp_path, request_for(tmp_path, tiny_model).settings())
    assert set(json.loads((tmp_path / "study.json").read_text())) == {
        "sd", "judge", "each", "asked", "drawing_steps", "seed", "weights",
    }, "cells from before there were prompts are those of the prompts from then"  # fmt: skip
    changed = request_for(tmp_path, tiny_model, prompts=["a photo of {} by the sea"], clip=Path("nets/clip"))
    with pytest.raises(
        ValueError, match=r"clip: None is now clip \w{16}, prompts: None is now \['a photo of {} by the"
    ):
        claim(tmp_path, changed.settings())
    claim(tmp_path / "other", changed.settings())
    with pytest.raises(ValueError, match=r"prompts: \['a photo of {} by the sea'\] is now None"):
        claim(tmp_path / "other", request_for(tmp_path, tiny_model).settings())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompts": ["a photo of sks in a forest"]}, "write {} once, where the person stands: 'a photo of {} by"),
        ({"prompts": ["{} beside {}"]}, "write {} once"),
        ({"prompts": ["{} in a {forest}"]}, "write {} once"),
        ({"prompts": ["{} in a forest"], "celeba": Path("x")}, "asks for nothing that a judge by CelebA's labels sees"),
        ({"clip": Path("x"), "celeba": Path("x")}, "--clip and --celeba both judge prompts: give one of them"),
    ],
)  # fmt: skip
def test_prompts_that_cannot_be_drawn_or_judged(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        run.run(replace(request_for(tmp_path, tmp_path), **given), [BASE])


class FakeClip(ClipJudge):
    """Says the same of everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.name = "clip tiny"
        self.asked: list[str] = []

    def scores(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[float | None]:
        self.asked += prompts
        return [0.25] * len(images)


def test_what_is_asked_for_is_judged_by_clip_in_plain_words(tmp_path: Path) -> None:
    clip = FakeClip()
    eyes = Eyes(FakeJudge(), clip, -0.1, "Jane Doe", 2, 1, 2, ("a photo of {} in a forest",))
    drawn = {
        prompt: [Image.new("RGB", (16, 16), "red")] * count for prompt, count in eyes.prompts("sks person").items()
    }
    assert list(drawn) == [
        "a photo of sks person", "a photo of sks person in a forest", "a photo of sks person and Jane Doe",
        "a photo of a person",
    ]  # fmt: skip
    seen = eyes.look(drawn, "sks person", FakeJudge().vector(drawn["a photo of a person"][0]), None)
    assert seen["obedience"] == dict.fromkeys(list(drawn)[1:3], 0.25), "two faces are no cosine"
    assert clip.asked == ["a photo of a person in a forest", "a photo of a person and Jane Doe"]
    found = run.Found(RESULTS, Cells(tmp_path), [], eyes, {})
    assert found.obedience().startswith('cosine of picture and prompt by `clip tiny`, for "a photo of {} in a forest"')


@pytest.mark.slow
def test_a_small_study_from_photos_to_its_page(
    tiny_model: Path, tmp_path: Path, astronaut: Image.Image, hopper: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for person, photo in enumerate((astronaut, hopper)):
        for number in range(4):
            photo.save(photos / f"0000{number}_id{person}_#{number}.jpg")
    monkeypatch.chdir(ROOT)
    for name, value in (("load_judge", lambda _name: FakeJudge()), ("strangers_percentile", lambda *_: -0.1)):
        monkeypatch.setattr(run, name, value)
    words = run.Request(photos, "fake", None, tiny_model, 2, [23], 2, 1, 2, tmp_path / "out", False)
    design = Design(ranks=(2,), rates=(1e-2,), full_rates=(1e-3,), looks=(1, 2))
    lora_rank.study(words, design)
    there = {path.name for path in words.out.iterdir()}
    assert {"report.html", "arms.csv", "cells.csv", "grid-id0.png", "pareto.png", "study.json"} <= there
    cells = Cells(words.out / "cells")
    results = read_results(cells, factorial(design), ["id0", "id1"], [23])
    assert [one.trained > 0 for one in results] == [False, True, True, True, True]
    assert results[1].cells[0][0].class_distance != results[2].cells[0][0].class_distance
    full, small = (
        json.loads(file.read_text())["bytes"] for file in sorted(words.out.glob("cells/*/files.json"), reverse=True)
    )
    assert full > small > 0

    kept = cells.file("LoRA r2 lr 0.01", "id0", 23, 2).stat().st_mtime_ns
    shutil.rmtree(cells.file("full lr 0.001", "id0", 23, 1).parent)
    lora_rank.study(words, design)
    assert cells.file("LoRA r2 lr 0.01", "id0", 23, 2).stat().st_mtime_ns == kept, "what is there is not done again"
    assert cells.file("full lr 0.001", "id1", 23, 2).is_file()
    assert arms.BASE.looks == (0,)


def test_pages_of_cells_without_a_face(tmp_path: Path) -> None:
    whole = result(BASE, 0, [0.1, 0.2])
    blind = [replace(one, sharpness=None) for own in whole.cells for one in own]
    write_pages(tmp_path, "Methods", "", [Result(BASE, 0, [[one] for one in blind])], [])
    rows = json.loads((tmp_path / "report.json").read_text())["tables"]["cells"]
    assert [(row["identity"], row["sharpness"]) for row in rows] == [(0.1, None), (0.2, None)]
