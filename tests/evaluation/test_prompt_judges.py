"""Judges of prompts by their file or folder."""

import pytest
import torch
from safetensors.torch import save_file

from evaluation.prompt_judges import load_prompt_judge


def test_what_is_no_judge_of_prompts(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no prompt judge at .*: give a transformers folder of CLIP, or the attr"
    ):
        load_prompt_judge(tmp_path / "nowhere")
    (tmp_path / "text.safetensors").write_text("text")
    with pytest.raises(ValueError, match=r"text.safetensors is no safetensors file"):
        load_prompt_judge(tmp_path / "text.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors", {"names": "[]"})
    with pytest.raises(ValueError, match="holds no judge of attributes: its metadata lacks accuracy, gender, threshol"):
        load_prompt_judge(tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError, match=r"has no preprocessor_config.json"):
        load_prompt_judge(tmp_path)
