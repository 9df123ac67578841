"""The memory of a training step on a GPU: sound commands, a table that never guesses."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from evaluation.studies import sd1_memory
from evaluation.studies.sd1_memory import ROWS, Memory, Row, memory_of, section
from tests.conftest import ROOT


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_row_is_a_command_that_training_takes(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldm.runs.options import parse_options
    from ldm.runs.settings import config_of

    monkeypatch.chdir(ROOT)
    config = config_of(parse_options(row.words(Path("w.ckpt"), Path("photos"), Path("faces.jsonl"), Path("logs"))))
    assert (config.data.params.batch_size, config.model.params.gradient_checkpointing) == (1, True)
    assert config.lightning.callbacks.image_logger is None
    assert config.model.params.ckpt_path == "w.ckpt"
    assert "class_config" not in config.data.params.train.params or config.data.params.train.params.class_config is None
    offloads = "strategy" in config.lightning and config.lightning.strategy.params.offload_optimizer
    assert bool(offloads) == (row.gate_gib is not None)
    if row.key == "lora":
        assert config.model.params.personalization_config.params.rank == 8


def test_without_a_gpu_nothing_is_run_and_the_table_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    sd1_memory.run(tmp_path / "out", document=False)
    printed = capsys.readouterr().out
    assert "(no GPU)" in printed
    assert [line.split(" | ")[1:] for line in printed.splitlines() if line.startswith("| ")][2:] == [
        ["not measured: no GPU", "–", "–", "– |"]
    ] * len(ROWS)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["gpu_memory.json"]
    assert set(json.loads((tmp_path / "out/gpu_memory.json").read_text())["rows"].values()) == {"not measured: no GPU"}


def test_what_a_run_logged_is_read_and_judged(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path / "tensorboard")) as log:
        for step, (reserved, allocated) in enumerate([(9216.0, 8192.0), (10240.0, 9216.0), (10240.0, 9216.0)]):
            log.add_scalar("stats/peak_reserved_mb", reserved, step)
            log.add_scalar("stats/peak_memory_mb", allocated, step)
    memory = memory_of(tmp_path, 20480.0)
    assert memory == Memory(10.0, 9.0, 20.0)
    found: dict[str, Memory | str] = {"dreambooth": memory, "lora": "failed: memory-lora.log says why",
                                      "celeb_basis": Memory(6.0, 5.0, 4.0)}  # fmt: skip
    text = section(found, "GPU")
    assert "| 10.00 GiB | 9.00 GiB | 20.00 GiB | yes (≤ 10.5 GiB) |" in text
    assert "| LoRA, rank 8 | failed: memory-lora.log says why | – | – | – |" in text
    assert "| celeb basis | 6.00 GiB | 5.00 GiB | 4.00 GiB | – |" in text
    assert "no (≤ 10.5 GiB)" in section(found | {"dreambooth": Memory(10.6, 9.0, 20.0)}, "GPU")


def test_a_run_elsewhere_is_not_taken_for_one_on_a_gpu(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path / "tensorboard")) as log:
        log.add_scalar("stats/peak_memory_mb", 4096.0, 0)
    with pytest.raises(ValueError, match="logged no memory of a GPU: it was trained on another device"):
        memory_of(tmp_path, 1.0)
