"""Principal components by scikit-learn, with a sign and a rank that do not depend on the machine."""

import numpy as np
import torch
from torch import Tensor

RANK_TOLERANCE = 1e-6
"""Singular values below this part of the largest are rounding of float32 rows (1.2e-7), not a direction of theirs."""


def principal_components(rows: Tensor, num_components: int | None = None) -> tuple[Tensor, Tensor, Tensor, int]:
    """Mean (D,), leading principal axes (K, D), standard deviations (K,) of ``rows`` (M, D), and their rank.

    Axes come by falling variance; each points where its largest entry is positive (entries are rounded to 1e-4, so
    that of equal ones the first decides). ``num_components=None`` takes the numerical rank. Axes past the rank are
    orthonormal but arbitrary, and their deviation is 0.

    Raises:
        ValueError: more components than rows or columns, or rows that are all the same.
    """
    from sklearn.decomposition import PCA

    most = min(rows.shape)
    if num_components is not None and not 1 <= num_components <= most:
        count, width = rows.shape
        raise ValueError(
            f"n_components is {num_components}, but {count} name tokens of width {width} allow 1 to {most}"
        )
    if (rows == rows[0]).all():
        raise ValueError(f"the {rows.shape[0]} name vectors are all the same: they span no direction")
    # "auto" may take the randomized solver; float64 keeps the rank clear of rounding
    pca = PCA(svd_solver="full").fit(rows.detach().cpu().double().numpy())
    singular = pca.singular_values_
    rank = int((singular > singular[0] * RANK_TOLERANCE).sum())
    taken = rank if num_components is None else num_components
    axes = pca.components_[:taken]
    largest = np.abs(axes.round(4)).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(taken), largest])[:, None]
    sigma = np.where(np.arange(taken) < rank, np.sqrt(pca.explained_variance_[:taken]), 0.0)
    mean, kept, scale = (torch.from_numpy(array).float() for array in (pca.mean_, axes, sigma))
    return mean, kept, scale, rank
