"""A Stable Diffusion of random weights, so small that a test can train and save it; and people to learn."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from ldm.data.sampling import SampleKey, as_key
from ldm.randomness import generator

WORDS = Path(__file__).resolve().parents[1] / "golden" / "clip_words"
NAMES = ("tom hanks", "brad pitt", "emma watson", "john smith", "anne hathaway", "will smith", "tom cruise")


def write_tiny_sd(folder: Path) -> Path:
    """A diffusers folder: 16 px pictures, a UNet of some thousand weights, CLIP's words of the golden tests."""
    from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(_renumbered(folder.with_name("words")))
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=8,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1, latent_channels=4, sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, pad_token_id=tokenizer.pad_token_id, **ids,
    )  # fmt: skip
    StableDiffusionPipeline(
        vae, CLIPTextModel(text), tokenizer, unet, DDPMScheduler(), None, None, requires_safety_checker=False
    ).save_pretrained(folder)
    return folder


def _renumbered(folder: Path) -> Path:
    """The golden words with ids 0, 1, 2, ... in CLIP's order, because a text encoder has a row for every id."""
    folder.mkdir(parents=True)
    for name in ("merges.txt", "tokenizer_config.json"):
        shutil.copy(WORDS / name, folder)
    ids: dict[str, int] = json.loads((WORDS / "vocab.json").read_text(encoding="utf-8"))
    renumbered = {word: place for place, word in enumerate(sorted(ids, key=ids.__getitem__))}
    (folder / "vocab.json").write_text(json.dumps(renumbered), encoding="utf-8")
    return folder


class TinyPeople:
    """Two people; what varies is drawn from (seed, draw, index)."""

    def __init__(self, length: int = 11, seed: int = 0) -> None:
        self.length, self.seed = length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        key = as_key(key)
        person = key.index % 2
        draws = generator(self.seed, "augment", key.draw, key.index)
        face = torch.randn(128, generator=generator(self.seed, "face", person))
        return {
            "image": torch.randn(3, 16, 16, generator=draws).clamp(-1, 1),
            "caption": ("a photo of sks", "a face of sks")[int(torch.randint(2, (), generator=draws))],
            "faces": torch.nn.functional.normalize(face, dim=0)[None],
            "ids": torch.tensor([person]),
        }


class CtrlC(pl.Callback):
    """What a user does in the middle of a step: Ctrl-C, once, while step ``at_step`` (from 0) is going on."""

    def __init__(self, at_step: int) -> None:
        self.at_step = at_step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.at_step:
            self.at_step = -1
            signal.raise_signal(signal.SIGINT)


def celeb_basis(sd: Path, names: Path) -> dict[str, Any]:
    """The model node of a run that learns people on a small celeb basis."""
    names.write_text("\n".join(NAMES), encoding="utf-8")
    return {
        "base_learning_rate": 1e-2,
        "target": "ldm.models.diffusion.ddpm.LatentDiffusion",
        "params": {
            "ckpt_path": str(sd),
            "cond_stage_config": {
                "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
                "params": {"use_celeb": True, "celeb_txt": str(names), "n_components": "auto"},
            },
            "personalization_config": {
                "target": "ldm.modules.embedding_manager.EmbeddingManagerId",
                "params": {"placeholder_strings": ["sks", "ks"], "max_ids": 2},
            },
        },
    }
