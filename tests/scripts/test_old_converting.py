"""The old converters: their own command lines, and one of them for real."""

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.weights.tensors import read_tensors

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))
old: Any = importlib.import_module("old_converting")


@pytest.mark.parametrize(
    ("name", "typed", "command"),
    [
        ("diffusers2ckpt", "MODEL a.ckpt --half", "convert model MODEL a.ckpt --half"),
        ("ckpt2diffusers", "--checkpoint_path a.ckpt --dump_path OUT --extract_ema", "convert model a.ckpt OUT --ema"),
        ("ckpt_merge", "a.ckpt b.ckpt --alpha .3", "convert merge a.ckpt b.ckpt merged.ckpt --alpha .3"),
        (
            "ckpt_merge",
            "a.ckpt b.ckpt --without_vae",
            "convert merge a.ckpt b.ckpt merged.ckpt --alpha 0.5 --without-vae",
        ),
        ("ckpt_prune", "a.ckpt", "convert prune a.ckpt model-pruned.ckpt"),
        ("ckpt_prune", "--model_path a.ckpt --half", "convert prune a.ckpt model-pruned.ckpt --half"),
    ],
)
def test_command_lines(name: str, typed: str, command: str) -> None:
    assert old.CONVERTING[name].translate(name, old.with_names(name, typed.split())) == command.split()


def test_a_checkpoint_is_pruned_by_the_old_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tool(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["tools/ckpt_prune.py", *words])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(ROOT / "tools" / "ckpt_prune.py"), run_name="__main__")
        return int(left.value.code or 0)

    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": torch.ones(2)}, "optimizer_states": [torch.ones(9)]}, "a.ckpt")
    assert tool("a.ckpt", "b.safetensors") == 0
    assert "$ python -m ldm convert prune a.ckpt b.safetensors" in capsys.readouterr().err
    assert list(read_tensors(Path("b.safetensors")).tensors) == ["a"]
    assert tool("none.ckpt") == 1
    assert "there is no none.ckpt" in capsys.readouterr().err
