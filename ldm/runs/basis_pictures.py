"""What the directions of a celeb basis look like: pictures along the principal components, and their variances."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from evaluation.curve import COLOURS, QUIET
from ldm.config import load_config
from ldm.files import atomic_path, write_json
from ldm.modules.celeb_basis import CelebBasis
from ldm.runs.draw import SETTINGS, DrawSettings
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.load import knows_people, manager_of
from ldm.runs.png import save_png
from ldm.util import instantiate_from_config

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

MULTIPLES = (-3, -2, -1, 0, 1, 2, 3)
"""Columns of the pictures, in the names' own standard deviations along a component."""


def model_with_basis(sd: Path, config: Path) -> "LatentDiffusion":
    """The model in ``sd`` with the celeb basis of its own list of names, as ``config`` makes it. Nobody is learned.

    Raises:
        ValueError: ``config`` is that of another method.
    """
    tree = load_config([config], extra={"model": {"params": {"ckpt_path": str(sd)}}}, required=("model",))
    model: LatentDiffusion = instantiate_from_config(tree.model)
    if not knows_people(model):
        raise ValueError(
            f"{config} has no people on a celeb basis (EmbeddingManagerId): "
            "take configs/stable-diffusion/celeb_basis.yaml or aigc_id.yaml beside it"
        )
    return model.eval()


def along_component(basis: CelebBasis, component: int, vector: int | None = None) -> Tensor:
    """(N, E, D) token vectors at ``MULTIPLES`` of the names' deviation from the mean along one component.

    Args:
        basis: the basis.
        component: counted from 0.
        vector: which of the E vectors is moved, counted from 0, while the others stay at the mean; None moves all,
            each to the side on which its axis points as the first vector's does: the signs of axes say nothing.
    """
    moved = range(basis.num_vectors) if vector is None else [vector]
    reference = basis.axes[moved[0], component]  # (D,)
    sigma = basis.names_scale()
    coefficients = sigma.new_zeros(len(MULTIPLES), *sigma.shape)  # (N, E, K)
    for n in moved:
        side = -1 if basis.axes[n, component] @ reference < 0 else 1
        coefficients[:, n, component] = side * torch.tensor(MULTIPLES).to(sigma) * sigma[n, component]
    return basis.vectors(coefficients)


def write_basis(
    pipeline: Any,
    settings: DrawSettings,
    out: Path,
    prompt: str,
    num_components: int,
    vector: int | None = None,
    facts: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] = lambda _count: None,
) -> list[Path]:
    """Write components.png, spectrum.png and settings.json into ``out``; their paths.

    Args:
        pipeline: a ``PersonPipeline`` of a model with a celeb basis.
        settings: how to draw; its seed is that of all pictures.
        out: the folder.
        prompt: what to draw, with the first placeholder.
        num_components: how many of the leading components, a row each.
        vector: which of a person's vectors is moved, counted from 0; None moves all.
        facts: what settings.json says beside: model, run, step.
        progress: called with the number of pictures drawn.

    Raises:
        LookupError: the model has no celeb basis.
        ValueError: the basis has not so many components or vectors, or the prompt does not name the placeholder.
    """
    basis: CelebBasis = manager_of(pipeline.model).basis
    _require(basis, num_components, vector)
    pipeline.people = basis.mean[None]
    pipeline.check([prompt])
    rows = []
    for component in range(num_components):
        vectors = along_component(basis, component, vector)
        seeds = [settings.seed] * len(vectors)
        rows.append(draw_vectors(pipeline, [prompt] * len(vectors), vectors, seeds, settings))
        progress(len(vectors))
    moved = "all" if vector is None else vector + 1
    said = {**(facts or {}), "basis": basis.hash, "prompt": prompt, "vector": moved, "multiples": MULTIPLES}
    said |= {key: value for key, value in asdict(settings).items() if key != "num_samples"}
    name = "components.png" if vector is None else f"components_vector-{moved}.png"
    save_png(out / name, components_sheet(basis, rows, vector), said)
    save_spectrum(basis, out / "spectrum.png")
    write_json(out / SETTINGS, {**said, "names": asdict(basis.origin), "components": _numbers(basis, num_components)})
    return [out / name, out / "spectrum.png", out / SETTINGS]


def _require(basis: CelebBasis, num_components: int, vector: int | None) -> None:
    if num_components > basis.num_components:
        raise ValueError(f"{num_components} components asked for, but the basis has {basis.num_components}")
    if vector is not None and vector >= basis.num_vectors:
        raise ValueError(f"vector {vector + 1} asked for, but a person has {basis.num_vectors} on this basis")


def _numbers(basis: CelebBasis, num_components: int) -> list[dict[str, Any]]:
    """Deviation and share of the variance of the leading components, vector by vector."""
    sigma, part = basis.names_scale().tolist(), shares(basis).tolist()
    return [
        {"component": k + 1, "sigma": [row[k] for row in sigma], "share": [row[k] for row in part]}
        for k in range(num_components)
    ]


def variances(basis: CelebBasis) -> NDArray[np.float64]:
    """(E, K) variance of the names along each component, largest first."""
    return basis.names_scale().detach().cpu().double().numpy() ** 2


def shares(basis: CelebBasis) -> NDArray[np.float64]:
    """(E, K) part of the variance that each component has, of what the basis keeps."""
    found = variances(basis)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def labelled_sheet(
    rows: Sequence[Sequence[Image.Image]], row_labels: Sequence[str], column_labels: Sequence[str], gap_px: int = 2
) -> Image.Image:
    """All ``rows`` of equally large pictures on white, with words at the left and above."""
    import matplotlib

    width, height = rows[0][0].size
    font_file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"  # it has the letter sigma
    font = ImageFont.truetype(str(font_file), max(10, height // 10))
    left, top = int(max(map(font.getlength, row_labels))) + 8 * gap_px, font.size * 2
    size = left + len(column_labels) * (width + gap_px), int(top) + len(rows) * (height + gap_px)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for column, label in enumerate(column_labels):
        pen.text((left + column * (width + gap_px) + width // 2, top / 2), label, "black", font, anchor="mm")
    for row, (pictures, label) in enumerate(zip(rows, row_labels, strict=True)):
        upper = int(top) + row * (height + gap_px)
        pen.text((left - 4 * gap_px, upper + height // 2), label, "black", font, anchor="rm")
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (left + column * (width + gap_px), upper))
    return sheet


def components_sheet(basis: CelebBasis, rows: Sequence[Sequence[Image.Image]], vector: int | None) -> Image.Image:
    """The rows of ``draw_components`` with each component's number and share of the variance."""
    part = shares(basis)
    part = part.mean(axis=0) if vector is None else part[vector]  # (K,)
    row_labels = [f"{component + 1}: {100 * part[component]:.1f} %" for component in range(len(rows))]
    return labelled_sheet(rows, row_labels, [f"{multiple:+d}σ" if multiple else "mean" for multiple in MULTIPLES])


def save_spectrum(basis: CelebBasis, path: Path) -> None:
    """Write a PNG: variance of each component, and how much of it all that the leading ones have together."""
    import matplotlib
    from matplotlib.figure import Figure

    numbers = np.arange(1, basis.num_components + 1)
    with matplotlib.rc_context(QUIET):
        drawing = Figure(figsize=(9, 3.2), layout="constrained")
        single, together = drawing.subplots(1, 2)
        for vector, (variance, share) in enumerate(zip(variances(basis), shares(basis), strict=True)):
            look = {"color": COLOURS[vector % len(COLOURS)], "label": f"vector {vector + 1}"}
            single.plot(numbers[variance > 0], variance[variance > 0], **look)
            together.plot(numbers, 100 * share.cumsum(), **look)
        single.set(xlabel="component", ylabel="variance of the names", yscale="log")
        together.set(xlabel="component", ylabel="variance up to here, %", ylim=(0, 102))
        single.legend(frameon=False)
        with atomic_path(path) as temporary:
            drawing.savefig(temporary, format="png", dpi=160, facecolor="white")
