"""The parts of `convert` that make new models from old ones and tell what a file is; and what its commands share."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Source = Annotated[Path, typer.Argument(metavar="IN", help="What to read.")]
Like = Annotated[
    Path | None,
    typer.Option(help="Another architecture than SD 1.x: a diffusers folder with its configs and tokenizer."),
]
Half = Annotated[bool, typer.Option("--half", help="Numbers in float16 (half the size).")]
Averages = Annotated[bool, typer.Option("--ema/--no-ema", help="Of two sets of weights, the averaged one.")]


def merge(
    paths: Annotated[list[str], typer.Argument(metavar="A [B] OUT", help="Two models and OUT; with --lora one.")],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Share of B: (1 - alpha) A + alpha B.")] = 0.5,
    lora: Annotated[
        list[Path] | None, typer.Option(help="Put this LoRA into the weights of A; may be repeated.")
    ] = None,
    scale: Annotated[float, typer.Option(help="How strongly each LoRA counts.")] = 1.0,
    half: Half = False,
    without_vae: Annotated[bool, typer.Option("--without-vae", help="The VAE stays that of A.")] = False,
    like: Like = None,
) -> None:
    """The average of two models, or a model with LoRAs in its weights.

    Example:

      python -m ldm convert merge weights/a weights/b weights/both --alpha 0.3

      python -m ldm convert merge weights/a weights/a-with-ann --lora ann.safetensors
    """
    from ldm.weights.compvis import LIKE_SD1
    from ldm.weights.lora_files import read_lora
    from ldm.weights.merge import merge_lora, merge_models
    from ldm.weights.single import write_model

    if len(paths) != (2 if lora else 3):
        raise ValueError("merge takes A B OUT, or A OUT with --lora FILE")
    first = read_parts(paths[0], like)
    for file in lora or ():
        merge_lora(first, read_lora(file, _like_of(first, like) or LIKE_SD1), scale)
    if not lora:
        merge_models(first, read_parts(paths[1], like), alpha, without_vae)
    print(write_model(Path(paths[-1]), first, half_or_as_it_is(half)))


def extract_lora(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The model before training.")],
    tuned: Annotated[str, typer.Argument(metavar="TUNED", help="The model after training.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="NAME.safetensors.")],
    rank: Annotated[int, typer.Option(min=1, help="Directions a layer.")] = 16,
    to: Annotated[Literal["kohya", "diffusers"], typer.Option(help="The form to write.")] = "diffusers",
    like: Like = None,
) -> None:
    """The LoRA that comes closest to what training changed, by SVD of each layer's difference.

    Example:

      python -m ldm convert extract-lora weights/sd-v1-4 logs/RUN/checkpoints/model_gs-999 ann.safetensors --rank 32
    """
    from ldm.weights.lora_files import write_diffusers_lora
    from ldm.weights.lora_kohya import write_kohya
    from ldm.weights.merge import extract_lora as extracted

    require_suffix(out, ".safetensors")
    found, share = extracted(read_parts(base, like), read_parts(tuned, like), rank)
    written = (write_kohya if to == "kohya" else write_diffusers_lora)(out, found)
    print(f"{written}: {len(found.layers)} layers of rank {rank}, {share:.1%} of the change")


def prune(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="NAME.safetensors or NAME.ckpt.")],
    half: Half = False,
    ema: Averages = False,
) -> None:
    """A single file of any family without optimizer, callbacks and one of two sets of weights.

    Example:

      python -m ldm convert prune v1-5-full.ckpt v1-5.safetensors --half --ema
    """
    from ldm.weights.prune import prune as pruned

    before, after = pruned(source, out, half, ema)
    sizes = " -> ".join(f"{path.stat().st_size / 2**20:,.1f} MiB" for path in (source, out))
    print(f"{out}: {after} of {before} tensors, {sizes}")


def info(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file of weights, or a diffusers folder.")],
    hashes: Annotated[bool, typer.Option("--hash/--no-hash", help="Read the whole file for its SHA-256.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with all metadata.")] = False,
) -> None:
    """What a file of weights is: family, precision, EMA, metadata, hash. Nothing in it is executed.

    Example:

      python -m ldm convert info person.safetensors
    """
    import json

    from ldm.weights.info import describe, lines_of

    told = describe(source, hashes)
    print(json.dumps(told, indent=2, ensure_ascii=False) if as_json else "\n".join(lines_of(told)))


def read_parts(source: str, like: Path | None, ema: bool = False) -> Any:
    """A model as it is stored, of SD 1.x or of the architecture that ``like`` describes."""
    from ldm.weights.compvis import LIKE_SD1
    from ldm.weights.read import read_model

    return read_model(source, None, ema, like or LIKE_SD1)


def _like_of(parts: Any, like: Path | None) -> Path | None:
    """What names the layers of a LoRA for ``parts``: what was given, else the model's own folder."""
    return like or (parts.folder if parts.folder.is_dir() else None)


def half_or_as_it_is(half: bool) -> Any:
    """The type to write: float16, or None for each weight's own."""
    import torch

    return torch.float16 if half else None


def require_suffix(path: Path, suffix: str) -> None:
    """Nothing, if ``path`` ends in ``suffix``.

    Raises:
        ValueError: it does not.
    """
    if path.suffix != suffix:
        raise ValueError(f"{path}: give OUT a name that ends in {suffix}")
