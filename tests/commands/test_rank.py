"""`python -m ldm rank`: all checkpoints of a run, one marked, also where one is broken or only LoRA was trained."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ldm.runs import look_people, rank, rank_page
from ldm.runs.best_mark import best_step
from ldm.runs.folder import RunFolder
from tests.commands.test_evaluate_people import MeanJudge, exit_code

FEW = ("--n", 2, "--steps", 2, "--sampler", "ddim")


class SmileJudge:
    """Says that prompts with a smile are half obeyed."""

    name = "smiles"

    def scores(self, images, prompts):
        return [0.5 if "smiling" in prompt else None for prompt in prompts]


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    made = {"mean": MeanJudge(), "sface": MeanJudge("yunet+sface", "sface")}
    monkeypatch.setattr(rank_page, "load_judge", lambda name: made[name])
    monkeypatch.setattr(look_people, "load_judge", lambda name: made["sface"])
    monkeypatch.setattr(rank_page, "judges_here", lambda: ["sface", "mean"])
    monkeypatch.setattr("evaluation.prompt_judges.load_prompt_judge", lambda path: SmileJudge())


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny run, to be marked and broken."""
    shutil.copytree(tiny_run, tmp_path / "run")
    return tmp_path / "run"


def test_all_checkpoints_are_ranked_and_one_is_marked(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert exit_code("rank", run, "--prompt-judge", tmp_path, "--out", out, *FEW) == 0
    said = capsys.readouterr().out
    step = best_step(RunFolder.open(run))
    assert f"3 checkpoints: the best is step {step}" in said
    assert f"marked step {step} as the best: --step best takes it" in said
    found = json.loads((out / "report.json").read_text())
    assert [row["checkpoint"] for row in found["tables"]["checkpoints"]] == ["step 1", "step 3", "step 5"]
    assert all(row["obedience"] == 1 and row["drift"] is None for row in found["tables"]["checkpoints"])
    assert found["settings"]["judge"] == "yunet+mobilefacenet_foamliu", "by default one that took no part"
    assert set(found["tables"]["identity-of-each-person"][0]) == {"checkpoint", "eileen_collins", "grace_hopper"}
    with Image.open(out / "grid.png") as grid:
        assert grid.height == 3 * 18
    assert "flatter" not in (out / "report.html").read_text()
    events = EventAccumulator(str(run / "tensorboard"), {"tensors": 0}).Reload()
    assert "rank/Checkpoints/text_summary" in events.Tags()["tensors"]
    assert exit_code("generate", "--run", run, "--step", "best", "--prompt", "a photo of sks", "--n", 1, "--steps", 2,
                     "--out", tmp_path / "drawn", "--people", 0) == 0  # fmt: skip
    assert json.loads((tmp_path / "drawn/settings.json").read_text())["samples"][0]["step"] == step


def test_what_was_looked_at_is_not_looked_at_again(run, tmp_path, capsys, monkeypatch):
    words = ("rank", run, "--out", tmp_path / "out", "--no-mark", "--no-log", *FEW)
    assert exit_code(*words) == 0
    events = EventAccumulator(str(run / "tensorboard"), {"tensors": 0}).Reload()
    assert "rank/Checkpoints/text_summary" not in events.Tags()["tensors"]
    first = json.loads((tmp_path / "out/report.json").read_text())
    (tmp_path / "out/looks/gs-000003.json").unlink()
    read = []
    load = rank.load_model
    monkeypatch.setattr(rank, "load_model", lambda *given: read.append(given[2]) or load(*given))
    assert exit_code(*words) == 0
    assert read == [3]
    again = json.loads((tmp_path / "out/report.json").read_text())
    assert [one["score"] for one in again["looks"]] == pytest.approx([one["score"] for one in first["looks"]])
    assert not (run / "checkpoints/best.json").exists()
    capsys.readouterr()
    assert exit_code(*words, "--seed", 7) == 1
    assert "holds pictures made with other settings (drawing:" in capsys.readouterr().err


def test_a_broken_checkpoint_is_named_and_the_others_are_ranked(run, tmp_path, capsys, caplog):
    (run / "checkpoints/embeddings_gs-5.safetensors").write_bytes(b"broken")
    assert exit_code("rank", run, "--out", tmp_path / "out", "--judge", "sface", *FEW) == 1
    printed = capsys.readouterr()
    assert "step 5 cannot be drawn and is left out" in caplog.text
    assert "left out, since they could not be read: step 5" in printed.err
    assert "2 checkpoints: the best is step" in printed.out
    assert "sface took part in training: fine for choosing" in printed.out
    for step in (1, 3):
        (run / f"checkpoints/embeddings_gs-{step}.safetensors").write_bytes(b"broken")
    assert exit_code("rank", run, "--out", tmp_path / "none", "--judge", "sface", *FEW) == 1
    assert "none of the 3 checkpoints of" in capsys.readouterr().err


def test_what_cannot_be_ranked(run, tmp_path, capsys):
    assert exit_code("rank", tmp_path / "nowhere") == 1
    assert "no such run" in capsys.readouterr().err
    assert exit_code("rank", run, "--prompt", "a face") == 1
    assert "--prompt 'a face' names nobody: write {} where the person stands" in capsys.readouterr().err
    for file in (run / "checkpoints").glob("embeddings*"):
        file.unlink()
    assert exit_code("rank", run, "--out", tmp_path / "out") == 1
    assert "has no exported files; nothing was exported yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "method", ["lora", *(pytest.param(one, marks=pytest.mark.slow) for one in ("textual_inversion", "dreambooth"))]
)
def test_runs_of_other_methods(method, tiny_model, tmp_path, astronaut, capsys, root):
    from main import main

    (tmp_path / "photos").mkdir()
    for number in range(2):
        astronaut.resize((64, 64)).save(tmp_path / f"photos/{number}.png")
    command = [
        "--base", str(root / f"configs/stable-diffusion/{method}.yaml"), "-t", "-n", method,
        "-l", str(tmp_path / "logs"), "--actual_resume", str(tiny_model), "--data_root", str(tmp_path / "photos"),
        "data.params.batch_size=1",
        "lightning.callbacks.previews.params.disabled=true", "lightning.trainer.max_steps=2",
        "lightning.trainer.accelerator=cpu", "data.params.train.params.crop=center", "lightning.callbacks.best={}",
        "lightning.callbacks.best.params.max_share=null", "lightning.callbacks.best.params.every_n_steps=1",
        "lightning.callbacks.best.params.num_pictures=1", "lightning.callbacks.best.params.prompts=['a photo of {}']",
    ]  # fmt: skip
    if method == "dreambooth":
        command += [
            f"data.params.train.params.class_config.params.folder={tmp_path / 'class'}",
            "data.params.train.params.class_config.params.num=1",
            "data.params.train.params.class_config.params.faces=any",
        ]
    assert main(command) == 0
    said = capsys.readouterr().err
    [run] = (tmp_path / "logs").iterdir()
    mark = json.loads((run / "checkpoints/best.json").read_text())
    assert [look["step"] for look in mark["looks"]] == [0, 1], said
    drifts = [look["drift"] is not None for look in mark["looks"]]
    assert drifts == [method != "textual_inversion"] * 2, "where networks are trained, the class is looked at"
    words = ("rank", run, "--out", tmp_path / "out", "--judge", "mean", "--prompt", "a photo of {}", *FEW)
    assert exit_code(*words) == 0
    found = json.loads((tmp_path / "out/report.json").read_text())
    assert {caption.split(" · ")[-1] for caption in _captions(tmp_path / "out/report.html")} == {
        "a photo of sks" if method == "textual_inversion" else "a photo of sks person"
    }
    assert all((row["drift"] is None) == (method == "textual_inversion") for row in found["looks"])


def _captions(page: Path) -> list[str]:
    return [part.split("<")[0] for part in page.read_text(encoding="utf-8").split("<figcaption>")[1:]]
