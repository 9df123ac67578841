"""The page on a run's checkpoints: what it lists, marks and warns of."""

from PIL import Image

from evaluation.rank_report import Portraits, report
from evaluation.ranking import Look
from evaluation.report import write_report


def look(step: int, likeness: float, obedience: float | None = None, drift: float | None = None) -> Look:
    return Look(step, likeness / 2, likeness, 0.5, obedience, drift, {"ada": likeness / 2})


def portraits(step: int) -> Portraits:
    pictures = [Image.new("RGB", (8, 8), "red")] * 2
    return Portraits(step, "ada", ["a photo of sks", "a photo of sks, smiling"], pictures, [0.25, None])


def test_the_page(tmp_path) -> None:
    looks = [look(1, 0.2, 1.0, 0.0), look(3, 0.4, 0.9, 0.0), look(5, 0.3, 0.8, 0.3)]
    made = report("run", looks, looks[1], [portraits(one.step) for one in looks], {"judge": "me"}, ["mind this"])
    assert made.lead == (
        "3 checkpoints: the best is step 3 (score 0.360), the last is step 5 (score -0.060). On the Pareto list: 1, 3."
    )
    assert made.notices == [
        "mind this",
        "Faces of the class came nearer to the people who were learned: they leak into other prompts.",
    ]
    checkpoints, people = made.tables()
    assert [(row[0], row[-1]) for row in checkpoints.rows] == [
        ("step 1", "Pareto"),
        ("step 3", "best, Pareto"),
        ("step 5", ""),
    ]
    assert people.rows[1] == ["step 3", 0.2]
    [ada] = made.galleries()
    assert [(one.caption, one.kind) for one in ada.shown[:3]] == [
        ("step 1 · 0.25 · a photo of sks", "fair"),
        ("step 1 · no face · a photo of sks, smiling", "fair"),
        ("step 3 · 0.25 · a photo of sks", "good"),
    ]
    page = write_report(tmp_path, made).read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 6
    assert (tmp_path / "checkpoints.csv").read_text().splitlines()[2].startswith("step 3,0.36")


def test_what_must_not_be_overlooked() -> None:
    alone = [Look(7, 0.0, -0.1, 0.0)]
    assert report("run", alone, alone[0], [], {}).notices == [
        "There is one checkpoint only, so it is the best.",
        "Nobody judged whether prompts were obeyed (--prompt-judge): obedience counts as 1.",
        "Even the best checkpoint looks no more like the people than strangers do.",
        "In some checkpoints no picture has a face.",
    ]
