"""`visualize latents|interpolation|reconstructions|noising|loss`: a face model from nothing, looked at."""

from pathlib import Path
from typing import Annotated, Any

import typer

Vae = Annotated[Path, typer.Option(help="vae_gs-<step> of a run, or a model's folder.")]
Pictures = Annotated[Path, typer.Option(help="A picture store (`prepare celeba`).")]
Split = Annotated[str, typer.Option(help="Which of its splits.")]
Out = Annotated[Path, typer.Option(help="The folder for the picture.")]
OUT = Path("outputs/visualize")


def latents(
    vae: Vae,
    pictures: Pictures,
    split: Split = "test",
    attribute: Annotated[str, typer.Option(help="CelebA's word: Male, Smiling, Eyeglasses, ...")] = "Male",
    count: Annotated[int, typer.Option(min=3, help="How many pictures.")] = 1000,
    out: Out = OUT,
) -> None:
    """Held-out latents on their two principal axes, coloured by an attribute.

    Example: python -m ldm visualize latents --vae weights/embedded --pictures data/faces --attribute Smiling
    """
    from ldm.runs import face_plots

    vae_, store = _open(vae, pictures)
    figure = face_plots.latent_plane(vae_, store, split, count, attribute)
    print(face_plots.save_figure(out / f"latents_{attribute}.png", figure))


def interpolation(
    vae: Vae,
    pictures: Pictures,
    split: Split = "test",
    count: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 4,
    steps: Annotated[int, typer.Option(min=2, help="Pictures on the way.")] = 9,
    out: Out = OUT,
) -> None:
    """From one face to another through the latents of the first stage. Between prompts: `generate --interpolate`.

    Example: python -m ldm visualize interpolation --vae weights/embedded --pictures data/faces
    """
    from ldm.runs import face_plots

    vae_, store = _open(vae, pictures)
    print(face_plots.save_picture(out / "interpolation.png", face_plots.transitions(vae_, store, split, count, steps)))


def reconstructions(
    vae: Vae,
    pictures: Pictures,
    split: Split = "test",
    count: Annotated[int, typer.Option(min=1, help="How many pictures.")] = 12,
    out: Out = OUT,
) -> None:
    """Held-out pictures above what the first stage gives back of them.

    Example: python -m ldm visualize reconstructions --vae weights/embedded --pictures data/faces
    """
    from ldm.runs import face_plots

    vae_, store = _open(vae, pictures)
    print(face_plots.save_picture(out / "reconstructions.png", face_plots.reconstructions(vae_, store, split, count)))


def noising(
    sd: Annotated[Path, typer.Option(help="The model's folder: its first stage and its schedule.")],
    pictures: Pictures,
    split: Split = "test",
    count: Annotated[int, typer.Option(min=1, help="How many pictures.")] = 4,
    columns: Annotated[int, typer.Option(min=2, help="How many timesteps.")] = 11,
    out: Out = OUT,
) -> None:
    """Pictures as the model sees them from no noise to nothing but noise, and the schedule's curves.

    Example: python -m ldm visualize noising --sd weights/embedded --pictures data/faces
    """
    from diffusers import DDPMScheduler

    from ldm.runs import face_plots

    vae, store = _open(sd, pictures)
    scheduler = DDPMScheduler.from_pretrained(sd / "scheduler", local_files_only=True)
    images = face_plots.images_of(store, face_plots.chosen(store, split, count))
    strip, curves = face_plots.noising(vae, scheduler, images, columns)
    print(
        face_plots.save_picture(out / "noising.png", strip),
        face_plots.save_figure(out / "schedule.png", curves),
        sep="\n",
    )


def loss(
    run: Annotated[Path, typer.Option(help="The run: its folder or its name in logs/.")],
    out: Out = OUT,
) -> None:
    """The losses that a run has logged.

    Example: python -m ldm visualize loss --run logs/RUN
    """
    from ldm.runs import face_plots
    from ldm.runs.load import find_run

    figure = face_plots.loss_curves(face_plots.scalars(find_run(run).path))
    print(face_plots.save_figure(out / "loss.png", figure))


COMMANDS = (latents, interpolation, reconstructions, noising, loss)


def _open(vae: Path, pictures: Path) -> tuple[Any, Any]:
    """The first stage, and the store, of the same size.

    Raises:
        ValueError: their sizes differ.
    """
    from evaluation.studies.faces_vae import load_vae
    from ldm.data.store import PictureStore

    network, store = load_vae(vae), PictureStore(pictures)
    if store.size_px % 2 ** (len(network.config.block_out_channels) - 1):
        raise ValueError(f"pictures of {store.size_px} px cannot be encoded by {vae}: its latents have no such size")
    return network, store
