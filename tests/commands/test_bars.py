"""Progress in a log: a line now and then, and one at the end."""

import pytest

from ldm.commands import bars


def test_lines_in_a_log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 0.0, 2.0, 12.0, 15.0, 20.0))
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(clock))
    with bars.bar("draw", 8) as advance:
        for _ in range(4):
            advance(2)
    assert capsys.readouterr().err.splitlines() == ["draw: 4/8, 0.3/s, 12 s left", "draw: 8/8, 0.4/s, 0 s left"]


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with bars.bar("draw", 2) as advance:
        advance(2)
    assert "draw" in capsys.readouterr().err
