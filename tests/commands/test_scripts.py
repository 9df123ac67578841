"""The numbered scripts: what they call, and all of them on a tiny model."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = ("00_align_face.sh", "01_start_train.sh", "02_start_test.sh", "03_extract.sh")


class Called:
    """Runs a script in a folder of its own, with a `python` that only prints its arguments."""

    def __init__(self, script: Path, folder: Path) -> None:
        self.home = folder / "check out"
        (folder / "bin").mkdir()
        self.home.mkdir()
        (folder / "bin" / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (folder / "bin" / "python").chmod(0o755)
        self.script = shutil.copy(script, self.home)
        self.environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        self.done: subprocess.CompletedProcess[str]

    def __call__(self, *words: str, code: int = 0) -> list[str]:
        command = ["bash", str(self.script), *words]
        self.done = subprocess.run(command, cwd="/", env=self.environment, capture_output=True, text=True, check=False)
        assert self.done.returncode == code, self.done.stderr
        return self.done.stdout.splitlines()


@pytest.fixture
def call(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Called:
    return Called(root / request.param, tmp_path)


def options(words: list[str], after: int) -> list[tuple[str, str]]:
    return list(zip(words[after::2], words[after + 1 :: 2], strict=True))


@pytest.mark.parametrize("call", ["01_start_train.sh"], indirect=True)
def test_training_takes_weights_config_and_options(call: Called) -> None:
    home = str(call.home)
    config = f"{home}/configs/stable-diffusion/celeb_basis.yaml"
    common = [f"{home}/main.py", "--base", config, "-t", "--actual_resume", f"{home}/weights/embedded", "-n"]
    assert call() == [*common, "celebbasis"]
    more = ["--data_root", "my faces.jsonl", "-l", "runs", "lightning.trainer.max_steps=3"]
    assert call(*more) == [*common, "celebbasis", *more]
    assert call("lightning.trainer.max_steps=3")[-1] == "lightning.trainer.max_steps=3"
    assert call("sd", "a b.yaml", *more) == [
        f"{home}/main.py", "--base", "a b.yaml", "-t", "--actual_resume", "sd", "-n", "celebbasis", *more,
    ]  # fmt: skip
    assert call("sd", "--wandb")[1:] == ["--base", config, "-t", "--actual_resume", "sd", "-n", "celebbasis", "--wandb"]
    assert call("--help")[-1] == "--help"


@pytest.mark.parametrize("call", ["02_start_test.sh"], indirect=True)
def test_drawing_takes_steps_and_people(call: Called) -> None:
    first = ["-m", "ldm", "generate", "--sd", "sd", "--prompts", "my prompts.txt", "--run", "RUN"]
    assert call("sd", "my prompts.txt", "RUN") == [*first, "--n", "8", "--step", "last"]
    assert call("sd", "my prompts.txt", "RUN", "3", "799") == [*first, "--n", "3", "--step", "799"]
    assert call("sd", "my prompts.txt", "RUN", "3", "best") == [*first, "--n", "3", "--step", "best"]
    words = call(
        "sd", "my prompts.txt", "RUN", "3", "--seed", "7", "--steps", "199,399", "--eval_id1", "0,1",
        "--eval_id2=1,0", "--ddim_steps", "20", "--scale=4", "--out", "my pictures", "--mean",
    )  # fmt: skip
    assert words[len(first) :] == [
        "--n", "3", "--step", "199,399", "--seed", "7", "--steps", "20", "--guidance", "4", "--out", "my pictures",
        "--mean", "--people", "0,1", "--people", "1,0",
    ]  # fmt: skip
    assert options(call("sd", "p", "RUN", "--eval_id1", "2,3"), 9)[-2:] == [("--people", "2"), ("--people", "3")]
    assert options(call("sd", "p", "RUN", "--eval_id1", "2", "--eval_id2", "-1"), 9)[-1] == ("--people", "2,-1")


@pytest.mark.parametrize("call", ["02_start_test.sh"], indirect=True)
def test_the_lists_at_the_head(call: Called) -> None:
    script = Path(call.script)
    text = script.read_text()
    for name, value in (("step_list", "199 799"), ("eval_id1_list", "0 1"), ("eval_id2_list", "1 0")):
        assert f"{name}=()" in text
        text = text.replace(f"{name}=()", f"{name}=({value})")
    script.write_text(text)
    given = options(call("sd", "p", "RUN"), 9)
    assert given == [("--n", "8"), ("--step", "199,799"), ("--people", "0,1"), ("--people", "1,0")]


@pytest.mark.parametrize("call", ["02_start_test.sh"], indirect=True)
def test_what_drawing_refuses(call: Called) -> None:
    call("sd", "p", "RUN", "--eval_id1", "0,1", "--eval_id2", "1", code=2)
    assert call.done.stderr == "error: eval_id1 names 2 people and eval_id2 1: give each sks its ks\n"
    call("sd", "p", code=2)
    assert "bash 02_start_test.sh SD PROMPTS RUN [N_SAMPLES=8] [STEP=last]" in call.done.stderr
    assert "bash 02_start_test.sh SD PROMPTS RUN" in "\n".join(call("--help"))


@pytest.mark.parametrize("call", ["03_extract.sh"], indirect=True)
def test_extraction(call: Called) -> None:
    words = call("sd", "my run", "--step", "3", "--names", "ann,bob")
    assert words == ["-m", "ldm", "extract", "--sd", "sd", "--run", "my run", "--step", "3", "--names", "ann,bob"]
    call("sd", code=2)
    assert "bash 03_extract.sh SD RUN" in call.done.stderr
    assert call("--help") == ["-m", "ldm", "extract", "--help"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_sound(root: Path, name: str) -> None:
    subprocess.run(["bash", "-n", str(root / name)], check=True)
    assert os.access(root / name, os.X_OK)


@pytest.mark.slow
def test_the_main_job(root: Path, tiny_model: Path, tmp_path: Path) -> None:
    """Photos in, pictures and files to share out, from another folder, by the four scripts alone."""
    from evaluation.demo import write_photos

    write_photos(tmp_path / "my photos")
    (tmp_path / "prompts.txt").write_text("a photo of sks\na photo of sks and ks\n")

    def run(script: str, *words: str | Path) -> str:
        done = subprocess.run(
            ["bash", root / script, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert "warning" not in done.stderr.lower()
        return done.stdout

    assert "2 aligned" in run("00_align_face.sh", "my photos", "outputs/aligned", "--size", "64")
    config = root / "configs" / "stable-diffusion" / "celeb_basis.yaml"
    said = run(
        "01_start_train.sh", tiny_model, config, "lightning.trainer.max_steps=4", "data.params.batch_size=2",
        "data.params.train.params.num_variants=2", "lightning.modelcheckpoint.params.every_n_train_steps=2",
    )  # fmt: skip
    [folder] = (tmp_path / "logs").iterdir()
    assert folder.name.startswith("training2")
    assert folder.name.endswith("_celebbasis")
    assert f"bash 02_start_test.sh {tiny_model} infer_images/example_prompt.txt {folder.name}" in said
    run("02_start_test.sh", tiny_model, "prompts.txt", folder.name, "2", "--steps", "1,3", "--eval_id1", "0,1",
        "--eval_id2", "1,0")  # fmt: skip
    drawn = tmp_path / "outputs" / folder.name
    assert len(list(drawn.glob("*.png"))) == 2 * 2 * 2
    assert len(list(drawn.glob("samples/*.png"))) == 2 * 2 * 2 * 2
    run("03_extract.sh", tiny_model, folder.name)
    assert (tmp_path / "weights" / "ti_id_embeddings" / "diffusers" / "ks.safetensors").is_file()
