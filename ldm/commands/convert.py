"""Turn files of one form into another, merge, prune, and tell what a file is.

``python -m ldm convert IN OUT`` finds out what IN is and takes the command for it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ldm.commands.convert_checkpoint import checkpoint
from ldm.commands.convert_models import (
    Averages,
    Half,
    Like,
    Source,
    extract_lora,
    half_or_as_it_is,
    info,
    merge,
    prune,
    read_parts,
    require_suffix,
)

HELP = "Turn files of one form into another. `convert IN OUT` finds out what IN is."
WITH_OTHER_FORMS = ("model", "lora", "embedding", "people", "checkpoint")
"""Kinds of files; the command for each has its name."""


class Detecting(TyperGroup):
    """Takes ``convert IN OUT`` for the command of what IN is."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is named, or the one for the file that is named in its place."""
        if args[0] not in self.commands and ("." in args[0] or "/" in args[0] or Path(args[0]).exists()):
            args = [command_for(Path(args[0])), *args]
        return super().resolve_command(ctx, args)


def command_for(source: Path) -> str:
    """The command that converts ``source``.

    Raises:
        ValueError: it is nothing that has another form.
    """
    from ldm.weights.family import family_of
    from ldm.weights.hub import is_hub_name
    from ldm.weights.tensors import read_tensors

    if source.is_dir() and source.suffix == ".ckpt":  # DeepSpeed's checkpoints are folders
        return "checkpoint"
    if source.is_dir() or is_hub_name(source):
        return "model"
    family = family_of(read_tensors(source))
    if family.kind not in WITH_OTHER_FORMS:
        raise ValueError(f"{source} is {family.words}: it has no other form here; `convert info` says more")
    return family.kind


app = typer.Typer(cls=Detecting, no_args_is_help=True, help=HELP)
app.command()(checkpoint)


@app.callback()
def group() -> None:
    """Turn files of one form into another. `convert IN OUT` finds out what IN is.

    Example:

      python -m ldm convert v1-5-pruned.ckpt weights/sd-v1-5 --half
    """


@app.command()
def model(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A .ckpt, a .safetensors, a diffusers folder, a hub name.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="NAME.ckpt, NAME.safetensors, or a folder.")],
    half: Half = False,
    ema: Averages = False,
    vae: Annotated[str | None, typer.Option(help="Another VAE: a file or a folder.")] = None,
    like: Like = None,
) -> None:
    """A whole Stable Diffusion: single file to diffusers folder and back, bit by bit.

    Example:

      python -m ldm convert model sd-v1-4.ckpt weights/sd-v1-4
    """
    from ldm.weights.single import write_model
    from ldm.weights.vae import read_vae

    parts = read_parts(source, like, ema)
    if vae is not None:
        parts.vae = read_vae(Path(vae), parts.vae)
    print(write_model(out, parts, half_or_as_it_is(half)))


@app.command()
def lora(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="NAME.safetensors.")],
    to: Annotated[
        Literal["kohya", "diffusers"] | None, typer.Option(help="The form to write; default: the other one.")
    ] = None,
    like: Like = None,
) -> None:
    """A LoRA: diffusers' form (PEFT) to kohya's (A1111, ComfyUI) and back, with its alphas.

    Example:

      python -m ldm convert lora pytorch_lora_weights.safetensors person.safetensors --to kohya
    """
    from ldm.weights.compvis import LIKE_SD1
    from ldm.weights.lora_files import is_kohya, read_lora, write_diffusers_lora
    from ldm.weights.lora_kohya import write_kohya

    require_suffix(out, ".safetensors")
    found = read_lora(source, like or LIKE_SD1)
    to = to or ("diffusers" if is_kohya(source) else "kohya")
    print((write_kohya if to == "kohya" else write_diffusers_lora)(out, found))


@app.command()
def embedding(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="NAME.pt (A1111) or NAME.safetensors.")],
    to: Annotated[
        Literal["a1111", "diffusers", "kohya"] | None,
        typer.Option(help="The form to write; default: a1111 for .pt, diffusers for .safetensors."),
    ] = None,
    token: Annotated[str | None, typer.Option(help="What stands for it in a prompt; default: as it is called.")] = None,
) -> None:
    """A textual inversion: diffusers, AUTOMATIC1111 (.pt) and kohya (emb_params), bit by bit.

    Example:

      python -m ldm convert embedding learned_embeds.safetensors cat.pt
    """
    from ldm.weights.textual_inversion import read_embedding, write_embedding

    form = to or ("a1111" if out.suffix == ".pt" else "diffusers")
    require_suffix(out, ".pt" if form == "a1111" else ".safetensors")
    found = read_embedding(source, token)
    print(f"{write_embedding(out, found, form)}: {found.token}, {len(found.vectors)} vector(s)")


@app.command()
def people(
    source: Annotated[Path, typer.Argument(metavar="IN", help="embeddings_gs-N.safetensors, or CelebBasis's .pt.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder; for ours a .safetensors file.")],
    to: Annotated[Literal["a1111", "diffusers", "ours"], typer.Option(help="The form to write.")] = "diffusers",
    basis: Annotated[
        Path | None,
        typer.Option(help="Its basis: basis-<hash>.safetensors or celeb_basis.pt; default: the one beside IN."),
    ] = None,
    names: Annotated[str | None, typer.Option(help="What to call the people, like ann,bob; default: sks, ks.")] = None,
    who: Annotated[
        str | None, typer.Option("--people", help="Which people, like 0,1; default: all that were trained.")
    ] = None,
) -> None:
    """People on a celeb basis as token vectors for other programs, or CelebBasis's files as ours.

    Example:

      python -m ldm convert people logs/RUN/checkpoints/embeddings_gs-799.pt out --to a1111 --basis celeb_basis.pt
    """
    from ldm.commands.drawing_models import parse_people
    from ldm.modules.artifacts import write_artifact
    from ldm.weights.people import artifact_of, find_basis, has_layers, read_basis, read_layers, read_people
    from ldm.weights.textual_inversion import tokens_of, write_a1111, write_diffusers

    if to == "ours":
        require_suffix(out, ".safetensors")
    own = read_basis(basis or find_basis(source))
    if to == "ours" and has_layers(source):
        print(write_artifact(out, read_layers(source, own)))
        return
    found = read_people(source, own)
    if who is not None:
        found = found.only(parse_people(who))
    if to == "ours":
        print(write_artifact(out, artifact_of(found)))
        return
    called = found.called() if names is None else [name.strip() for name in names.split(",")]
    for token, place, vectors in zip(tokens_of(called, len(found.places)), found.places, found.vectors, strict=True):
        stem = out / token.strip("<>")
        if to == "a1111":
            print(write_a1111(stem.with_suffix(".pt"), token, vectors, 0, ""))
        else:
            print(write_diffusers(stem.with_suffix(".safetensors"), token, vectors, {"person": str(place)}))


app.command()(merge)
app.command("extract-lora")(extract_lora)
app.command()(prune)
app.command()(info)
