"""Bases without names: what the names' axes must beat to mean anything.

Mean and scale are the names' own in all of them, so that learning starts at the same face and takes steps of the same
size; only where the axes point differs.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.names import read_names, token_columns
from ldm.modules.principal import principal_components
from ldm.randomness import generator

Axes = Literal["names", "random", "untrained"]
SEED = 42
"""Of the random axes and of the untrained table."""


def basis_of(names: CelebBasis, axes: Axes, num_components: int | None, model: Any) -> CelebBasis:
    """The first ``num_components`` axes (None: all) of the kind asked for, as a basis.

    Args:
        names: the celeb basis of ``model``.
        axes: ``names``; ``random``: orthonormal, drawn by a seed; ``untrained``: principal axes of the same tokens'
            vectors in a text encoder that has learned nothing.
        num_components: how many.
        model: the ``LatentDiffusion``.

    Raises:
        ValueError: the names have fewer axes.
    """
    kept = names.num_components if num_components is None else num_components
    if kept > names.num_components:
        raise ValueError(f"{kept} axes asked for, but the names span {names.num_components}")
    if axes == "names":
        directions = names.axes
    elif axes == "random":
        directions = random_axes(names)
    else:
        directions = untrained_axes(names, model)
    return CelebBasis(names.mean, directions[:, :kept], names.names_scale()[:, :kept], names.origin)


def random_axes(names: CelebBasis, seed: int = SEED) -> Tensor:
    """(E, K, D) orthonormal rows of directions that are all alike."""
    draws = generator(seed, "random axes")
    shape = (names.num_vectors, names.width, names.num_components)
    square: Tensor = torch.linalg.qr(torch.randn(shape, generator=draws)).Q
    return square.transpose(1, 2)


def untrained_axes(names: CelebBasis, model: Any, seed: int = SEED) -> Tensor:
    """(E, K, D) principal axes of the names' tokens in the table of a text encoder fresh from its constructor."""
    stage = model.cond_stage_model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = type(stage.transformer)(stage.transformer.config)
    table = fresh.get_input_embeddings().weight.detach().float()
    listed = read_names(model_names(model))
    columns = token_columns(listed, stage.tokenizer, names.num_vectors)
    return torch.stack([principal_components(table[column], names.num_components)[1] for column in columns])


def model_names(model: Any) -> Any:
    """The list of names that goes with the model."""
    from ldm.weights.read import celeb_list

    return celeb_list(model.weights_folder, model.defaults)
