"""Pictures that show what a first stage and a schedule do, and how a run's losses fell."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from torch import Tensor

from ldm.data.pictures import to_signed
from ldm.data.store import PictureStore
from ldm.files import atomic_path
from ldm.models.first_stage import decode, encode
from ldm.randomness import generator
from ldm.runs.pictures import to_pictures
from ldm.runs.png import grid_of

TENSORBOARD = "tensorboard"


def chosen(store: PictureStore, split: str, count: int) -> NDArray[np.int64]:
    """Evenly chosen pictures of a split."""
    indices = store.indices(split)
    return np.asarray(indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)])


def images_of(store: PictureStore, indices: Sequence[int] | NDArray[np.int64]) -> Tensor:
    """(N, 3, S, S) in [-1, 1]."""
    return torch.stack([to_signed(store.pictures[int(i)]) for i in indices])


def latents_of(vae: Any, images: Tensor, batch_size: int = 32) -> Tensor:
    """(N, c, h, w) scaled latents, on the CPU."""
    return torch.cat([encode(vae, part).float().cpu() for part in torch.split(images, batch_size)])


def latent_plane(vae: Any, store: PictureStore, split: str, count: int, attribute: str) -> Figure:
    """Latents of held-out pictures on their two principal axes, coloured by an attribute.

    Raises:
        ValueError: the pictures have no attributes; or fewer than three are there.
    """
    indices = chosen(store, split, count)
    rows = [store.rows[i] for i in indices]
    if not all("attributes" in row for row in rows):
        indices = np.array([i for i in store.indices(split) if "attributes" in store.rows[i]], np.int64)
        if not len(indices):
            raise ValueError(f"the pictures of {store.folder}, split {split}, have no attributes to colour them by")
        indices = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
        rows = [store.rows[i] for i in indices]
    if len(indices) < 3:
        raise ValueError(f"a plane needs at least three pictures; split {split} has {len(indices)}")
    plane = PCA(2, svd_solver="full")
    points = plane.fit_transform(latents_of(vae, images_of(store, indices)).flatten(1).numpy())
    there = np.array([attribute in row["attributes"] for row in rows])
    figure = Figure((7, 6), layout="constrained")
    axes = figure.subplots()
    for mask, label, colour in ((~there, f"not {attribute}", "#8a8f98"), (there, attribute, "#c8442f")):
        x, y = points[mask].T
        axes.scatter(x, y, s=12, alpha=0.7, label=f"{label} ({int(mask.sum())})", color=colour)
    shares = 100 * plane.explained_variance_ratio_
    axes.set(
        xlabel=f"first axis, {shares[0]:.1f} % of the variance", ylabel=f"second axis, {shares[1]:.1f} %",
        title=f"{len(rows)} latents of {split}",
    )  # fmt: skip
    axes.legend()
    return figure


def reconstructions(vae: Any, store: PictureStore, split: str, count: int) -> Image.Image:
    """Pictures above what the first stage gives back of them."""
    images = images_of(store, chosen(store, split, count))
    decoded = torch.cat([decode(vae, encode(vae, part)).cpu() for part in torch.split(images, 32)])
    return grid_of([*to_pictures(images), *to_pictures(decoded)], len(images))


def transitions(vae: Any, store: PictureStore, split: str, count: int, steps: int) -> Image.Image:
    """A row for each pair of pictures: decoded latents on the way from one to the other."""
    latents = latents_of(vae, images_of(store, chosen(store, split, 2 * count)))
    rows: list[Image.Image] = []
    for first, second in zip(latents[0::2], latents[1::2], strict=False):
        way = torch.stack([torch.lerp(first, second, float(at)) for at in np.linspace(0, 1, steps)])
        rows += to_pictures(decode(vae, way.to(vae.device)).cpu())
    return grid_of(rows, steps)


def noising(vae: Any, scheduler: Any, images: Tensor, columns: int, seed: int = 0) -> tuple[Image.Image, Figure]:
    """Pictures (N, 3, S, S) as the model sees them at rising timesteps, decoded; and the schedule's curves."""
    last = int(scheduler.config.num_train_timesteps) - 1
    steps = torch.linspace(0, last, columns).round().long()
    latents, rows = latents_of(vae, images), list[Image.Image]()
    for number, latent in enumerate(latents):
        noise = torch.randn(latent.shape, generator=generator(seed, "noising", number))
        noisy = scheduler.add_noise(latent.expand(columns, *latent.shape), noise.expand(columns, *noise.shape), steps)
        rows += to_pictures(decode(vae, noisy.to(vae.device)).cpu())
    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    abar = scheduler.alphas_cumprod.numpy()
    axes.plot(np.sqrt(abar), label="share of the picture, √ᾱ")
    axes.plot(np.sqrt(1 - abar), label="share of noise, √(1 - ᾱ)")
    for step in steps.tolist():
        axes.axvline(step, color="#8a8f98", lw=0.5)
    axes.set(xlabel="timestep", title=f"{scheduler.config.beta_schedule}, {scheduler.config.prediction_type}")
    axes.legend()
    return grid_of(rows, columns), figure


def scalars(run: Path) -> dict[str, NDArray[np.float64]]:
    """(N, 2) step and value of every loss that a run has logged.

    Raises:
        FileNotFoundError: the run has no TensorBoard logs, or no losses in them.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted((run / TENSORBOARD).rglob("events.out.*")):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            if tag.startswith(("train/", "val/")):
                found.setdefault(tag, []).extend((event.step, event.value) for event in events.Scalars(tag))
    if not found:
        raise FileNotFoundError(
            f"{run} has no losses in {TENSORBOARD}/: it was trained with another logger, or for fewer steps than "
            "lightning.trainer.log_every_n_steps"
        )
    return {tag: np.array(sorted(dict(values).items()), np.float64) for tag, values in found.items()}


def loss_curves(losses: Mapping[str, NDArray[np.float64]], smooth: int = 20) -> Figure:
    """Every loss over the steps, as it was and as a running mean."""
    figure = Figure((8, 2.6 * len(losses)), layout="constrained")
    for axes, (tag, values) in zip(figure.subplots(len(losses), squeeze=False)[:, 0], losses.items(), strict=True):
        steps, numbers = values.T
        width = max(1, min(smooth, len(numbers) // 4))
        mean = np.convolve(numbers, np.ones(width) / width, "valid")
        axes.plot(steps, numbers, color="#c9cdd3", lw=0.8)
        axes.plot(steps[width - 1 :], mean, color="#c8442f")
        axes.set(title=tag, xlabel="step")
    return figure


def save_figure(path: Path, figure: Figure) -> Path:
    """Write a figure as PNG."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path


def save_picture(path: Path, picture: Image.Image) -> Path:
    """Write a picture as PNG."""
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG")
    return path
