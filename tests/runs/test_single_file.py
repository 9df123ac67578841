"""A run on a single file: trained, drawn, shared, and found again; at a size that tests can afford."""

from functools import partial
from pathlib import Path

import pytest
import torch

from ldm.models.diffusion import ddpm
from ldm.runs.extract import extract_people
from ldm.runs.load import load
from ldm.weights.read import read_model
from tests.tiny_model import train_people
from tests.weights.sd1_files import small_configs, write_single


def test_people_are_learned_drawn_and_shared_on_a_single_file(
    tmp_path: Path, tiny_manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the configs are smaller than those of Stable Diffusion 1.x."""
    like = small_configs(tmp_path / "like")
    single = write_single(tmp_path / "sd.ckpt", like)
    monkeypatch.setattr(ddpm, "read_model", partial(read_model, like=like))
    run = train_people(single, tiny_manifest, tmp_path / "logs", "lightning.trainer.max_steps=2")
    names = {path.name for path in (run / "checkpoints").iterdir()}
    assert {"embeddings_gs-1.safetensors", "embeddings_gs-1.pt", "last.ckpt"} <= names
    pipe = load(run)
    pipe.set_progress_bar_config(disable=True)
    draws = torch.Generator().manual_seed(1)
    assert pipe("a photo of sks and ks", num_inference_steps=2, generator=draws).images[0].size == (16, 16)
    people, _ = extract_people(run, single, out=tmp_path / "shared")
    assert [person.token for person in people] == ["<sks>", "<ks>"]
    [vectors] = torch.load(people[0].files[3], weights_only=True)["string_to_param"].values()
    assert vectors.shape == (2, 32)
