"""Progress in a log: a line now and then, and one at the end."""

import re

import pytest

from ldm import bars


def test_lines_in_a_log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 2.0, 12.0, 15.0, 20.0))
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(clock))
    with bars.bar("draw", 8) as advance:
        for _ in range(4):
            advance(2)
    assert capsys.readouterr().err.splitlines() == ["draw: 4/8, 0.33/s, 12 s left", "draw: 8/8, 0.4/s, 0 s left"]


def test_a_moments_work_leaves_no_line_and_long_work_all_of_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0.0, 1.0, 2.0, 0.0, 11.0, 12.0))
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(clock))
    for _ in range(2):
        with bars.bar("encode", 2, brief=True) as advance:
            advance(1)
            advance(1)
    assert capsys.readouterr().err.splitlines() == ["encode: 1/2, 0.091/s, 11 s left", "encode: 2/2, 0.17/s, 0 s left"]


def test_the_first_of_several_processes_tells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with bars.bar("draw", 1) as advance:
        advance(1)
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with bars.bar("draw", 2) as advance:
        advance(2)
    assert re.search(r"draw.*2/2.*\d/s", capsys.readouterr().err.replace("\n", " "))
