"""A model folder of random weights and a run on it: what a newcomer has after 01_start_train.sh, in a few seconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ldm.files import write_text

ROOT = Path(__file__).resolve().parents[1]
BACKEND = "yunet-sface"

NAMES = (
    "tom hanks", "brad pitt", "emma watson", "john smith", "anne hathaway", "will ferrell",
    "ada lovelace", "alan turing", "grace kelly", "nina simone", "paul newman", "rosa parks",
)  # fmt: skip
PLACEHOLDERS = ("sks", "ks", "ata", "tre", "ry", "bop", "rn")
MAX_LENGTH = 32

CONFIG: dict[str, Any] = {
    "unet": {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": [8, 16],
        "norm_num_groups": 4,
        "layers_per_block": 1,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "cross_attention_dim": 32,
        "attention_head_dim": 2,
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 2,
    },
    "text_encoder": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": MAX_LENGTH,
        "projection_dim": 32,
    },
    "scheduler": {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "prediction_type": "v_prediction",
        "clip_sample": False,
        "steps_offset": 1,
    },
}


def let_words_be_heard(folder: Path) -> None:
    """Undo the quiet start of an untrained model's text side: without training it would draw everybody alike."""
    from diffusers import UNet2DConditionModel

    from ldm.weights.text_start import SMALL

    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    with torch.no_grad():
        for name, module in unet.named_modules():
            if name.endswith("attn2"):
                module.to_out[0].weight.div_(SMALL)
        unet.add_embedding.norm2.weight.fill_(1)
    unet.save_pretrained(folder / "unet")


def write_tiny_model(folder: Path, more_words: Sequence[str] = ()) -> Path:
    """A diffusers folder with 16-px pictures, in which every word of our captions and names is one token."""
    from diffusers import AutoencoderKL

    from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES
    from ldm.data.vocabulary import words_of
    from ldm.weights.create import create_model

    torch.manual_seed(5)
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=4,
        sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    vae.save_pretrained(folder.with_name("vae"))
    words = words_of(" ".join((*PLACEHOLDERS, *NAMES, *TEMPLATES, *DUAL_TEMPLATES, "face person smiling", *more_words)))
    words = [word for word in dict.fromkeys(words) if word.isalpha()]
    create_model(folder, CONFIG, words, folder.with_name("vae"), latent_std=1.0)
    let_words_be_heard(folder)
    write_text(folder / "names.txt", "\n".join(NAMES) + "\n")
    write_text(folder / "defaults.yaml", "celeb_txt: names.txt\nguidance_scale: 4.0\nnum_inference_steps: 4\n")
    return folder


def aligned_photos(folder: Path) -> Path:
    """Manifest of the demo's two people, Eileen Collins and Grace Hopper, aligned by the command."""
    from evaluation.demo import write_photos
    from ldm.commands.align import align

    write_photos(folder / "photos")
    align(folder / "photos", folder / "aligned", size=64, mode="ffhq", faces="largest", min_face=64, backend=BACKEND)
    return folder / "aligned.jsonl"


def train_people(model: Path, manifest: Path, logdir: Path, *more: str) -> Path:
    """The folder of a run of six steps in which two people are learned; files after steps 1, 3 and 5.

    The learning rate is so high that the people are drawn apart after these few steps.
    """
    from main import main

    command = [
        "--base", str(ROOT / "configs" / "stable-diffusion" / "celeb_basis.yaml"), "-t", "-n", "celebbasis",
        "--actual_resume", str(model), "--data_root", str(manifest), "-l", str(logdir),
        f"model.params.face_backend={BACKEND}", "data.params.batch_size=2", "data.params.train.params.num_variants=4",
        "lightning.trainer.max_steps=6", "lightning.modelcheckpoint.params.every_n_train_steps=2",
        "lightning.trainer.accelerator=cpu", "model.base_learning_rate=0.05",
        "model.params.optimizer_config.params.warmup_steps=0", *more,
    ]  # fmt: skip
    before = set(logdir.glob("*"))
    assert main(command) == 0
    [run] = set(logdir.glob("*")) - before
    return run
