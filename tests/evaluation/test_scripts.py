"""How the numbered scripts are called."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from evaluation.scripts import Scripts
from evaluation.stages import Stages


class Recorder(Stages):
    """Keeps the commands; training makes ``makes`` in the log folder, drawing makes one picture."""

    def __init__(self, folder: Path, makes: Sequence[str] = ("b_run",)) -> None:
        super().__init__(folder / "logs", folder)
        self.makes, self.commands = makes, []  # type: ignore[var-annotated]

    def run(self, stage: str, command: Sequence[str | Path], env: object = None) -> None:
        words = list(map(str, command))
        self.commands.append(words)
        self.env = env
        if stage == "train":
            for name in self.makes:
                (Path(words[words.index("-l") + 1]) / name).mkdir(parents=True)
        if stage == "generate":
            out = Path(words[words.index("--out") + 1])
            out.mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(out / "0.png")
            rows = [{"file": "0.png", "prompt": "a photo of sks", "seed": 42}]
            (out / "settings.json").write_text(json.dumps({"samples": rows}))


def scripts(recorder: Recorder) -> Scripts:
    return Scripts(recorder, Path("weights/embedded"), Path("celeb_basis.yaml"))


def test_align_gives_the_manifest(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    assert scripts(recorder).align(tmp_path / "photos", tmp_path / "face.s") == tmp_path / "face.s.jsonl"
    assert recorder.commands == [["bash", "00_align_face.sh", str(tmp_path / "photos"), str(tmp_path / "face.s")]]


def test_train_gives_the_new_run_among_old_ones(tmp_path: Path) -> None:
    (tmp_path / "runs/z_old").mkdir(parents=True)
    recorder = Recorder(tmp_path)
    run = scripts(recorder).train(tmp_path / "faces.jsonl", tmp_path / "runs", ["lightning.trainer.max_steps=3"])
    assert run == tmp_path / "runs/b_run"
    assert str(recorder.env["PATH"]).startswith(str(Path(sys.executable).parent))  # type: ignore[index]
    (command,) = recorder.commands
    assert command[:4] == ["bash", "01_start_train.sh", "weights/embedded", "celeb_basis.yaml"]
    assert command[4:6] == ["--data_root", str(tmp_path / "faces.jsonl")]
    assert command[-1] == "lightning.trainer.max_steps=3"


def test_training_that_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"training ended well but left no run in .*runs"):
        scripts(Recorder(tmp_path, makes=())).train(tmp_path / "faces.jsonl", tmp_path / "runs")


def test_generate_writes_the_prompts_and_reads_the_pictures(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    (sample,) = scripts(recorder).generate(Path("RUN"), ["a photo of sks"], 8, tmp_path / "out/mean", "--mean")
    assert sample.path == tmp_path / "out/mean/0.png"
    assert (tmp_path / "out/mean_prompts.txt").read_text() == "a photo of sks\n"
    (command,) = recorder.commands
    prompts = str(tmp_path / "out/mean_prompts.txt")
    assert command[2:7] == ["weights/embedded", prompts, "RUN", "8", "last"]
    assert command[7:] == ["--out", str(tmp_path / "out/mean"), "--mean"]
