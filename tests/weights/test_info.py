"""What is told of a file."""

from pathlib import Path

from ldm.weights.info import describe, lines_of
from ldm.weights.modelspec import file_hash


def test_a_checkpoint(single: Path) -> None:
    told = describe(single)
    assert told["family"] == "a Stable Diffusion 1.x"
    assert told["ema"] is True
    assert set(told["numbers"]) == {"float32"}
    assert told["beside"] == ["callbacks", "epoch", "global_step"]
    assert told["sha256"] == file_hash(single)
    lines = "\n".join(lines_of(told))
    assert "ema: yes" in lines
    assert "family: a Stable Diffusion 1.x" in lines


def test_a_folder(small: Path) -> None:
    told = describe(small, hashes=False)
    assert told["family"] == "a diffusers folder (StableDiffusionPipeline)"
    assert told["files"]["vae/diffusion_pytorch_model.safetensors"]["family"] == "a VAE"
    assert "  vae/diffusion_pytorch_model.safetensors:" in lines_of(told)
