"""Prepare data and models: picture stores, and the embedded model from nothing."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ldm.commands import prepare_au, prepare_crop, prepare_faces

app = typer.Typer(help=__doc__, no_args_is_help=True)
app.command()(prepare_crop.crop)
app.command()(prepare_au.au)
for _command in (prepare_faces.celeba, prepare_faces.lfw, prepare_faces.folder):
    app.command()(_command)


@app.command()
def pictures(
    out: Annotated[Path, typer.Argument(help="The picture store to write.")],
    lfw: Annotated[Path | None, typer.Option(help="LFW's folder: <First_Last>/*.jpg.")] = None,
    celeba: Annotated[Path | None, typer.Option(help="CelebA's folder: images/ and attributes.csv.")] = None,
    size: Annotated[int, typer.Option(min=16, help="Side of a picture in pixels.")] = 64,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of the packed WebP pictures; 100 is lossless.")] = 100,
) -> None:
    """Crop every face of LFW and CelebA into one store, with names, attributes and splits.

    Example: python -m ldm prepare pictures data/embedded/pictures --lfw DATA/lfw --celeba DATA/celeba
    """
    from ldm.commands.bars import bar
    from ldm.data.sources import read_sources
    from ldm.runs.recipe import make_pictures

    folders = {name: folder for name, folder in (("lfw", lfw), ("celeba", celeba)) if folder is not None}
    if not folders:
        raise ValueError("nothing to prepare: give --lfw DIR, --celeba DIR, or both")
    total = sum(1 for _ in read_sources(folders))
    with bar("crop", total) as advance:
        make_pictures(folders, out, size, advance, quality)


@app.command()
def model(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The model folder to write.")],
    vae: Annotated[Path, typer.Option(help="The trained first stage: vae_gs-<step> of a run.")],
    pictures: Annotated[Path, typer.Option(help="The picture store: words of its captions become tokens.")],
    architecture: Annotated[Path, typer.Option(help="UNet, text encoder and scheduler.")] = Path(
        "configs/latent-diffusion/architecture.yaml"
    ),
    words: Annotated[Path | None, typer.Option(help="A list of further words.")] = None,
    text_encoder: Annotated[
        Path | None, typer.Option(help="A trained one: the folder of a Stable Diffusion or of a CLIP model.")
    ] = None,
    unet: Annotated[
        Path | None, typer.Option(help="A model of this architecture: all of its UNet but what hears the prompt.")
    ] = None,
) -> None:
    """Write a model of random weights around a trained first stage, to be trained from nothing.

    Example: python -m ldm prepare model data/faces_model --vae logs/RUN/checkpoints/vae_gs-99999 --pictures data/faces
    """
    from ldm.runs import recipe
    from ldm.weights.take import take_drawing_layers, take_text_encoder

    recipe.make_untrained(pictures, vae, architecture, words, out)
    if text_encoder is not None:
        take_text_encoder(out, text_encoder)
    if unet is not None:
        take_drawing_layers(out, unet)
    print(out)


@app.command()
def latents(
    pictures: Annotated[Path, typer.Argument(metavar="PICTURES", help="The picture store.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The latents; stopped, it goes on when called again.")],
    vae: Annotated[Path, typer.Option(help="The first stage.")],
    split: Annotated[str, typer.Option(help="Which of its splits; unet_train of one split the legacy way.")] = "train",
    num_variants: Annotated[int, typer.Option(min=1, help="Of a picture: 2 are it and its mirror image.")] = 2,
    num_pairs: Annotated[int, typer.Option(min=0, help="Pictures of two people, where there are names.")] = 0,
    faces: Annotated[bool, typer.Option("--faces", help="Keep a face vector beside the latents: FFHQ crops.")] = False,
) -> None:
    """Encode the pictures of a split, and pictures of two people.

    Training does it by itself where its config names the picture store; this does it ahead. Training takes what it
    finds where split, variants and pairs are those of its config, as the defaults are; else it encodes anew.

    Example: python -m ldm prepare latents data/faces data/faces_latents --vae logs/RUN/checkpoints/vae_gs-99999
    """
    from ldm.commands.bars import bar
    from ldm.data.store import PictureStore
    from ldm.runs import recipe

    total = num_variants * len(PictureStore(pictures).indices(split)) + num_pairs
    with bar("encode", total) as advance:
        std = recipe.make_latents(pictures, vae, out, advance, num_pairs, faces, split, num_variants)
    print(f"{out}: standard deviation {std:.4f}")


@app.command()
def embedded(
    data: Annotated[Path, typer.Argument(help="Folder with lfw/ and celeba/; not needed once the pictures are made.")],
    work: Annotated[Path, typer.Option(help="Where everything in between goes.")] = Path("data/embedded"),
    out: Annotated[Path, typer.Option(help="The finished model.")] = Path("weights/embedded"),
    profile: Annotated[
        Literal["cpu", "gpu"], typer.Option(help="cpu: 64 px, two cores. gpu: 128 px, one large GPU.")
    ] = "cpu",
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Save and stop after so long: a leg. Call again to go on.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Every stage so many steps, on a CPU in small batches: does it run here?")
    ] = None,
) -> None:
    """Make the embedded model from nothing; what is done already is kept, so it can be stopped and called again.

    The exit code is 75 where --minutes ended it before it was done.

    Examples:

      python -m ldm prepare embedded DATA --work data/embedded --out outputs/embedded

      python -m ldm prepare embedded DATA --steps 2 --work outputs/try --out outputs/try/model

      python -m ldm prepare embedded DATA --profile gpu --work data/embedded128 --minutes 8
    """
    from shutil import copytree

    from ldm.files import atomic_folder
    from ldm.runs import recipe
    from ldm.runs.legs import Leg, LegOver, train_run

    leg = Leg(minutes)
    configs = Path("configs/embedded") / ("gpu" if profile == "gpu" else "")
    size, quality = (128, 85) if profile == "gpu" else (64, 100)
    runs, store, vae, untrained, text = (work / name for name in ("runs", "pictures", "vae", "init", "text"))
    common = recipe.training_settings(steps)
    if not (store / "about.json").is_file():
        pictures(store, data / "lfw", data / "celeba", size, quality)
    try:
        if not (vae / "config.json").is_file():
            settings = [*common, *(f"data.params.{part}.params.folder={store}" for part in ("train", "validation"))]
            if profile == "cpu":
                settings.append(f"model.params.block_pca={store}")
            train_run(runs, "embedded_vae", configs / "vae.yaml", settings, leg).rename(vae)
        pairs = recipe.NUM_PAIRS if steps is None else recipe.TRIED_PAIRS
        latents(store, work / "latents", vae, num_pairs=pairs, faces=True)
        if not (untrained / "model_index.json").is_file():
            model(untrained, vae, store, configs / "model.yaml", Path("configs/embedded/words.txt"))
        settings = [*common, f"data.params.train.params.folder={work / 'latents'}"]
        if not (text / "model_index.json").is_file():
            begun_from = f"model.params.ckpt_path={untrained}"
            spoken = train_run(runs, "embedded_text", configs / "text.yaml", [*settings, begun_from], leg)
            with atomic_folder(text) as kept:  # a copy: a UNet that an earlier version began goes on from the run's
                copytree(spoken, kept, dirs_exist_ok=True)
        settings += [f"model.params.ckpt_path={text}", *recipe.unet_settings(steps)]
        trained = train_run(runs, "embedded_unet", configs / "unet.yaml", settings, leg)
    except LegOver as over:
        print(f"{over}; call the same again to go on")
        raise typer.Exit(75) from None
    finish(trained, vae, store, out)


@app.command()
def finish(
    trained: Annotated[Path, typer.Argument(help="The networks: model_gs-<step> of a run.")],
    vae: Annotated[Path, typer.Argument(help="The first stage.")],
    store: Annotated[Path, typer.Argument(help="The picture store: it knows the names.")],
    out: Annotated[Path, typer.Argument(help="The finished model.")] = Path("weights/embedded"),
) -> None:
    """Put networks, first stage, lists of names and defaults together."""
    from ldm.data.store import PictureStore
    from ldm.runs import recipe

    read = PictureStore(store)
    files = recipe.assemble(trained, vae, out)
    names, held_out = recipe.write_lists(read, out)
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{out}: {size:.1f} MB of weights in {len(files)} files; {names} names, {held_out} people kept out")
