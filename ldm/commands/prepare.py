"""Prepare data and models: picture stores, and the embedded model from nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

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
def embedded(
    data: Annotated[Path, typer.Argument(help="Folder with lfw/ and celeba/.")],
    work: Annotated[Path, typer.Option(help="Where everything in between goes.")] = Path("data/embedded"),
    out: Annotated[Path, typer.Option(help="The finished model.")] = Path("weights/embedded"),
) -> None:
    """Make the embedded model from nothing; what is done already is kept, so it can be stopped and called again.

    Example: python -m ldm prepare embedded DATA --work data/embedded --out /tmp/embedded
    """
    import json

    from ldm.runs import recipe

    configs, runs = Path("configs/embedded"), work / "runs"
    store, vae, latents, untrained = work / "pictures", work / "vae", work / "latents", work / "init"
    if not (store / "about.json").is_file():
        pictures(store, data / "lfw", data / "celeba")
    if not (vae / "config.json").is_file():
        export = _train(runs, "embedded_vae", configs / "vae.yaml", [
            f"data.params.train.params.folder={store}",
            f"data.params.validation.params.folder={store}",
            f"model.params.block_pca={store}",
        ])  # fmt: skip
        export.rename(vae)
    if not (latents / "about.json").is_file():
        recipe.make_latents(store, vae, latents)
    std = json.loads((latents / "about.json").read_text(encoding="utf-8"))["std"]
    if not (untrained / "model_index.json").is_file():
        recipe.make_untrained(store, vae, std, configs / "model.yaml", configs / "words.txt", untrained)
    trained = _train(runs, "embedded_unet", configs / "unet.yaml", [
        f"model.params.ckpt_path={untrained}",
        f"data.params.train.params.folder={latents}",
    ])  # fmt: skip
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
    from ldm.files import write_text
    from ldm.runs import recipe

    read = PictureStore(store)
    names, held_out = recipe.known_names(read), recipe.held_out_names(read)
    about = "People of the embedded model's training set whose every word stands in the names of 5 or more pictures."
    write_text(Path("infer_images/names_embedded.txt"), f"# {about}\n" + "\n".join(names) + "\n")
    about = "People kept out of all training of the embedded model: by hash of the name, of those with 4-19 pictures."
    write_text(Path("configs/embedded/held_out_people.txt"), f"# {about}\n" + "\n".join(held_out) + "\n")
    defaults = {
        "guidance_scale": 3.0,
        "num_inference_steps": 25,
        "celeb_txt": "../../infer_images/names_embedded.txt",
        "sampler": "ddim",
    }
    files = recipe.assemble(trained, vae, out, defaults)
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{out}: {size:.1f} MB of weights in {len(files)} files; {len(names)} names, {len(held_out)} people kept out")


def _train(runs: Path, name: str, config: Path, overrides: list[str]) -> Path:
    """Train by ``main.py`` in ``runs``, or go on with the run of that name; the last thing it exported."""
    from ldm.runs.folder import RunFolder

    earlier = sorted(runs.glob(f"*_{name}"))
    start = ["-r", str(earlier[-1])] if earlier else ["--base", str(config), "-n", name, "-l", str(runs)]
    options = ["-t", "--datadir_in_name", "false", *([] if earlier else overrides)]
    subprocess.run([sys.executable, "main.py", *start, *options], check=True)
    run = RunFolder.open(sorted(runs.glob(f"*_{name}"))[-1])
    return max(run.checkpoints.glob("*_gs-*"), key=lambda path: path.stat().st_mtime)
