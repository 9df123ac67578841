from pathlib import Path

import pytest

from ldm.runs.options import Options, parse_options


def options(*words: str) -> Options:
    return parse_options(["--base", "a.yaml", *words])


def test_overrides_may_stand_anywhere() -> None:
    found = parse_options(["-t", "a.b=1", "--base", "a.yaml", "b.yaml", "c=[1, 2]", "-n", "x=y"])
    assert found.overrides == ["a.b=1", "c=[1, 2]"]
    assert (found.base, found.train, found.name) == ([Path("a.yaml"), Path("b.yaml")], True, "x=y")


@pytest.mark.parametrize(
    ("words", "value"), [(["-t"], True), (["-t", "True"], True), (["-t", "no"], False), ([], False)]
)
def test_switches_take_a_word_as_in_ldm(words: list[str], value: bool) -> None:
    assert options(*words).train is value


def test_defaults() -> None:
    found = options()
    assert (found.scale_lr, found.datadir_in_name, found.no_test, found.logdir) == (None, True, False, Path("logs"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--base", "a.yaml", "--dry-rum"], "there is no option --dry-rum; did you mean --dry-run?"),
        (
            ["--base", "a.yaml", "--max_steps", "3"],
            "there is no option --max_steps: write lightning.trainer.max_steps=N",
        ),
        (["--base", "a.yaml", "-p", "x"], "there is no option -p: it never did anything: leave it out"),
        (["--base", "a.yaml", "-t", "true", "stray"], "'stray' is neither an option nor key=value"),
        (["--base", "a.yaml", "-t", "maybe"], "'maybe' given, true or false wanted"),
        (["--base", "a.yaml", "-n", "x", "-r", "logs/y"], "give one of them"),
        (["-t"], "which config?"),
    ],
)
def test_what_is_not_understood_is_said_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_options(words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
