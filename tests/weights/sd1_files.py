"""Random models in the layout of Stable Diffusion 1.x: a small one, and one of full size."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ldm.weights.compvis import LIKE_SD1, average_of, empty_networks
from ldm.weights.compvis_names import to_compvis
from ldm.weights.create import model_index
from ldm.weights.family import UNET

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"block_out_channels": [32, 64], "sample_size": 8, "attention_head_dim": 4, "norm_num_groups": 8,
             "layers_per_block": 1, "cross_attention_dim": 32,
             "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
             "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]},
    "vae": {"block_out_channels": [8, 16], "norm_num_groups": 4, "sample_size": 16, "layers_per_block": 1,
            "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2},
    "text_encoder": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
}  # fmt: skip


def small_configs(folder: Path) -> Path:
    """The configs and tokenizer of a Stable Diffusion 1.x with few channels: what ``--like`` takes."""
    shutil.copytree(LIKE_SD1, folder, ignore=shutil.ignore_patterns("*.md", "LICENSE"))
    for part, changes in SMALL.items():
        file = folder / part / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    (folder / "model_index.json").write_text(json.dumps(model_index("DDPMScheduler")))
    return folder


def random_networks(like: Path, dtype: torch.dtype, seed: int = 0) -> dict[str, Any]:
    """Networks with random weights that leave activations finite: all small, norms around one.

    A million numbers are drawn; every weight begins elsewhere among them and goes round.
    """
    drawn = torch.randn(1 << 20, generator=torch.Generator().manual_seed(seed))
    rows = {True: (drawn * 0.02).to(dtype), False: (drawn * 0.01).to(dtype)}
    networks, begin = empty_networks(like), 0
    for network in networks.values():
        state = {}
        for name, empty in network.state_dict().items():
            row, begin = rows[empty.ndim > 1], (begin + 7919) % len(drawn)
            turns = -(-(begin + empty.numel()) // len(row))
            noise = row.repeat(turns)[begin : begin + empty.numel()].reshape(empty.shape)
            state[name] = noise + 1 if "norm" in name and name.endswith("weight") else noise.clone()
        network.load_state_dict(state, assign=True)
    return networks


def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights a little smaller, under the names that CompVis gives its averages."""
    return {average_of(name): tensor * 0.5 for name, tensor in state.items() if name.startswith(UNET)}


def write_single(path: Path, like: Path, dtype: torch.dtype = torch.float32, ema: bool = False) -> Path:
    """A random single file: .ckpt with the words of Lightning around it, or .safetensors."""
    state = {name: tensor.contiguous() for name, tensor in to_compvis(random_networks(like, dtype)).items()}
    if ema:
        state |= averaged(state)
    if path.suffix == ".safetensors":
        save_file(state, path, {"format": "pt"})
    else:
        from pytorch_lightning.callbacks import ModelCheckpoint

        state["betas"] = torch.linspace(0, 1, 10)
        callbacks = {ModelCheckpoint: {"best_model_score": torch.tensor(1.0)}}
        torch.save({"epoch": 3, "global_step": 7, "state_dict": state, "callbacks": callbacks}, path)
    return path
