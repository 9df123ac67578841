"""Sections of docs/measurements.md."""

from pathlib import Path

from evaluation.studies.document import markdown_table, replace_section, typed


def test_sections_are_added_and_replaced_in_place(tmp_path: Path) -> None:
    path = tmp_path / "measurements.md"
    replace_section("Judges", "old numbers", path)
    replace_section("Training step", "1.1", path)
    replace_section("Judges", "new numbers\n\n### detail\n\nmore", path)
    text = path.read_text()
    assert text.startswith("# Measurements\n")
    assert "old numbers" not in text
    assert (
        text.index("## Judges") < text.index("new numbers") < text.index("### detail") < text.index("## Training step")
    )
    assert text.endswith("## Training step\n\n1.1\n")


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "measurements.md"
    for title in ("A", "B", "C"):
        replace_section(title, f"{title} \\1 numbers", path)
    before = path.read_text()
    replace_section("B", "B \\1 numbers", path)
    assert path.read_text() == before


def test_table() -> None:
    assert markdown_table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_options_as_they_are_typed() -> None:
    options = {"drawing_steps": 12, "lr": (1e-3, 4e-3), "prompt": ["a {}"], "clip": None, "arm": []}
    assert typed(options) == ["--drawing-steps 12", "--lr 0.001", "--lr 0.004", "--prompt 'a {}'"]
