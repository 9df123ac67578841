"""Parts of trained models, taken over by an untrained one."""

import json
import shutil
from pathlib import Path

HEARS = ("attn2", "add_embedding")
"""In the names of a UNet's layers that hear the prompt: cross-attention, and the pooled prompt."""


def take_text_encoder(model: Path, clip: Path) -> None:
    """Give the untrained ``model`` a trained CLIP text encoder and its tokenizer.

    Args:
        model: the folder that :func:`make_untrained` made.
        clip: a Stable Diffusion's folder, or that of a CLIP model with its tokenizer.

    Raises:
        FileNotFoundError: there is none in ``clip``.
        ValueError: its width is not that of the UNet's cross-attention.
    """
    from transformers import CLIPTextModel, CLIPTokenizer

    inside = (clip / "text_encoder" / "config.json").is_file()
    encoder, words = (clip / "text_encoder", clip / "tokenizer") if inside else (clip, clip)
    if not (encoder / "config.json").is_file():
        raise FileNotFoundError(f"{clip} holds no text encoder: give a Stable Diffusion's folder or a CLIP model's")
    text = CLIPTextModel.from_pretrained(encoder, local_files_only=True)
    unet = json.loads((model / "unet" / "config.json").read_text(encoding="utf-8"))
    if (width := text.config.hidden_size) != unet["cross_attention_dim"]:
        raise ValueError(
            f"the text encoder in {clip} is {width} wide, the UNet's cross-attention {unet['cross_attention_dim']}: "
            f"set cross_attention_dim and hidden_size to {width} in the architecture"
        )
    tokenizer = CLIPTokenizer.from_pretrained(words, local_files_only=True)
    for name in ("text_encoder", "tokenizer"):
        shutil.rmtree(model / name)
    text.save_pretrained(model / "text_encoder")
    tokenizer.save_pretrained(model / "tokenizer")
    for file in ("vocab.json", "merges.txt"):
        if (words / file).is_file():
            shutil.copyfile(words / file, model / "tokenizer" / file)


def take_drawing_layers(model: Path, older: Path) -> None:
    """Give the untrained ``model`` the UNet of ``older``, but for what hears the prompt: that stays untrained.

    So a model whose text side is begun anew need not learn again how a picture holds together.

    Raises:
        ValueError: the two UNets are not built alike; the first layer that differs is named.
    """
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(model / "unet", local_files_only=True)
    taken = UNet2DConditionModel.from_pretrained(older / "unet", local_files_only=True).state_dict()
    own = unet.state_dict()
    shapes, others = ({name: value.shape for name, value in state.items()} for state in (own, taken))
    if differs := sorted(name for name in own.keys() | taken.keys() if shapes.get(name) != others.get(name)):
        raise ValueError(f"the UNets of {model} and {older} are not built alike: they differ in {differs[0]}")
    unet.load_state_dict({name: own[name] if any(part in name for part in HEARS) else taken[name] for name in own})
    unet.save_pretrained(model / "unet")
