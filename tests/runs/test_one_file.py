from pathlib import Path

import pytest
import torch

from ldm.runs.one_file import one_file


def test_a_file_keeps_what_was_trained_only(tmp_path: Path) -> None:
    torch.save({"state_dict": {"head": torch.ones(2)}, "optimizer_states": [{"step": 1}]}, tmp_path / "last.ckpt")
    found = torch.load(one_file(tmp_path / "last.ckpt", tmp_path / "one.ckpt"), weights_only=True)
    assert found.keys() == {"state_dict"}
    assert torch.equal(found["state_dict"]["head"], torch.ones(2))


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*last"):
        one_file(tmp_path / "last.ckpt", tmp_path / "one.ckpt")
    (tmp_path / "last.ckpt").mkdir()
    with pytest.raises(ValueError, match=r"last\.ckpt is no checkpoint of DeepSpeed"):
        one_file(tmp_path / "last.ckpt", tmp_path / "one.ckpt")


def test_the_command_writes_it_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ldm.commands.convert_checkpoint import checkpoint

    torch.save({"state_dict": {"head": torch.ones(2)}, "optimizer_states": []}, tmp_path / "last.ckpt")
    checkpoint(tmp_path / "last.ckpt", tmp_path / "one.ckpt")
    assert capsys.readouterr().out.strip() == str(tmp_path / "one.ckpt")
    assert torch.load(tmp_path / "one.ckpt", weights_only=True).keys() == {"state_dict"}
