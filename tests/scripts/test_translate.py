"""Old programs' options: every row of every table becomes a command that today's program takes."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))
translate: Any = importlib.import_module("translate")

PROGRAMS = translate.programs()
ROWS = [(name, flag) for name, program in PROGRAMS.items() for flag in program.flags]


def needed(program: Any, without: Any = None) -> list[str]:
    """The options that must be given, with their example values."""
    given = [flag for flag in program.flags if flag.required and flag is not without]
    return [word for flag in given for word in (flag.names.split()[-1], *flag.example)]


def taken(program: Any, words: list[str]) -> None:
    """Nothing, if today's program takes ``words``; they are parsed and checked, and nothing is done."""
    if program.calls == "main":
        from ldm.runs.options import parse_options
        from ldm.runs.settings import config_of

        config_of(parse_options([word for word in words if word not in ("-r", "out/dreambooth/run1")] + resumed(words)))
        return
    from ldm.commands import load_command

    command = load_command(words[0])
    command.make_context(words[0], list(words[1:]))


def resumed(words: list[str]) -> list[str]:
    """A run's own config stands first where one is gone on with."""
    return ["--base", "configs/stable-diffusion/dreambooth.yaml"] if "-r" in words else []


@pytest.mark.parametrize(("name", "flag"), ROWS, ids=[f"{name} {flag.names.split()[-1]}" for name, flag in ROWS])
def test_every_row(name: str, flag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program = PROGRAMS[name]
    for spelling in flag.names.split():
        argv = [*needed(program, without=flag), spelling, *flag.example]
        if flag.gone and not isinstance(flag.means, dict):
            argv += [] if flag.example or flag.values == 0 else ["anything"]
            with pytest.raises(ValueError, match=flag.names.split()[-1]):
                program.translate(name, argv)
            continue
        with_it, without = program.translate(name, argv), program.translate(name, needed(program))
        assert flag.required or with_it != without or not flag.means or isinstance(flag.means, dict), (
            "the row says nothing"
        )
        taken(program, with_it)


def test_texts_come_through_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from ldm.runs.options import parse_options
    from ldm.runs.settings import config_of

    monkeypatch.chdir(ROOT)
    thing = 'cup: "old", \\ blue [x]'
    config = config_of(parse_options(PROGRAMS["dreambooth"].translate("dreambooth", ["-c", thing, "-i", "a b"])))
    data = config.data.params.train.params
    assert (data.instance_prompt, data.class_config.params.prompt) == (f"A sks {thing}", f"A {thing}")
    assert config.lightning.callbacks.previews.params.prompts == [f"A sks {thing}"]
    assert data.folder == "a b"


def test_the_issues_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from ldm.runs.options import parse_options
    from ldm.runs.settings import config_of

    monkeypatch.chdir(ROOT)
    line = [
        "-c",
        "water bottle",
        "-i",
        "DIR",
        "-s",
        "200",
        "-l",
        "1.5",
        "--learning-rate",
        "1e-5",
        "--iterations",
        "3000",
    ]
    options = parse_options(PROGRAMS["dreambooth"].translate("dreambooth", [*line, "-t", "--precision", "full"]))
    config = config_of(options)
    assert (config.model.base_learning_rate, config.model.scale_lr, config.data.params.batch_size) == (1e-5, False, 1)
    assert config.model.params.personalization_config.params.train_text_encoder is True
    assert config.model.params.objective_config.params.prior_loss_weight == 1.5
    assert config.lightning.modelcheckpoint.params.every_n_train_steps == 200
    assert (config.lightning.trainer.max_steps, config.lightning.trainer.precision) == (3000, "32-true")
    assert config.data.params.train.params.class_config.params.num == 1000


def test_a_run_that_is_gone_on_with_keeps_what_was_not_typed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ldm.runs.folder import RunFolder
    from ldm.runs.options import parse_options
    from ldm.runs.settings import config_of

    monkeypatch.chdir(ROOT)

    def options(*words: str) -> Any:
        return parse_options(PROGRAMS["dreambooth"].translate("dreambooth", ["-c", "cup", "-i", "photos", *words]))

    begun = config_of(options("--learning-rate", "1e-5", "--class-img-count", "3", "-o", "mine", "-l", "2", "-s", "9"))
    run = RunFolder.create(tmp_path, "old", begun, {})

    def gone_on_with(*words: str) -> Any:
        return config_of(options("-r", str(run.path), *words), run)

    assert gone_on_with() == begun
    assert begun.model.scale_lr is False
    longer, rarely = gone_on_with("--iterations", "1500"), gone_on_with("--iterations", "1500", "-s", "-1")
    assert (longer.lightning.trainer.max_steps, longer.model.base_learning_rate) == (1500, 1e-5)
    assert longer.lightning.modelcheckpoint.params.every_n_train_steps == 9
    assert rarely.lightning.modelcheckpoint.params.every_n_train_steps == 1500


def test_runs_are_numbered_and_keep_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    seen: list[list[str]] = []

    def main(words: list[str]) -> int:
        folder = Path(os.environ.pop("LDM_RUN_FOLDER", tmp_path / "run1"))
        folder.mkdir(exist_ok=True, parents=True)
        seen.append(list(words))
        return 0

    monkeypatch.setattr(translate, "_entry", lambda calls: main)
    monkeypatch.setenv("LDM_RUN_FOLDER", "")
    argv = ["-c", "cup", "-i", "photos", "-o", str(tmp_path)]
    assert [translate.run("dreambooth", argv), translate.run("dreambooth", argv)] == [0, 0]
    assert translate.run("dreambooth", [*argv, "-r", str(tmp_path / "run1"), "seed=1"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run1", "run2"]
    assert sorted(path.name for path in (tmp_path / "run1").iterdir()) == ["args.yaml", "args2.yaml"]
    assert yaml.safe_load((tmp_path / "run1" / "args.yaml").read_text())["class_name"] == "cup"
    assert "learning_rate" not in yaml.safe_load((tmp_path / "run1" / "args2.yaml").read_text()), "the run's own holds"
    assert seen[2][:3] == ["-r", str(tmp_path / "run1"), "-t"]
    assert seen[2][-1] == "seed=1"
    assert "$ python main.py --base configs/stable-diffusion/dreambooth.yaml -t" in capsys.readouterr().err


def test_it_is_called_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--base", "configs/stable-diffusion/dreambooth.yaml", "-t"]
    monkeypatch.chdir(ROOT)
    assert translate.from_anywhere(words, "main") == words
    monkeypatch.chdir(tmp_path)
    config, weights = ROOT / "configs/stable-diffusion/dreambooth.yaml", ROOT / "weights/embedded"
    assert translate.from_anywhere(words, "main") == ["--base", str(config), "-t", "--actual_resume", str(weights)]
    assert translate.from_anywhere(["-r", "run1", "-t"], "main") == ["-r", "run1", "-t"]


def test_what_cannot_be_had_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate.run("dreambooth", ["-c", "cup", "-i", "photos", "--ddim-eta", "0.5"]) == 2
    assert "dreambooth: --ddim-eta 0.5: class pictures are drawn without added noise: only 0" in capsys.readouterr().err
    assert translate.run("dreambooth", ["-c", "cup", "-i", "photos", "--precision", "half"]) == 2
    assert "--precision half: one of full, autocast" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        translate.run("dreambooth", ["-c", "cup", "-i", "photos", "--hn"])
    assert "'--hn' is neither an option nor key=value" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["train_style", "train_object", "train_textual_inversion"])
def test_the_shell_scripts_own_lines(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    monkeypatch.chdir(ROOT)
    text = (ROOT / "scripts" / f"{script}.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    [line] = [one for one in text.splitlines() if one.startswith("exec ")]
    name, *argv = shlex.split(line)[3:-1]
    taken(PROGRAMS[name], PROGRAMS[name].translate(name, argv))
