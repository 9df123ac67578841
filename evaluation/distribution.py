"""Do many pictures together look like others? Distances of clouds of features, by torchmetrics."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from evaluation.features import Described

FEWEST = 10
"""Pictures of a kind that a distance of distributions takes."""
SUBSETS = 100
NEAREST = 3
SEED = 42
Features = NDArray[np.float64]


class AsTheyAre(nn.Module):
    """Stands for the network in a measure of torchmetrics: the features were made already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        """The same."""
        return features


@dataclass(frozen=True)
class Likeness:
    """How near ``count`` pictures are to as many others.

    Attributes:
        count: of each.
        frechet: Fréchet distance of two normal distributions (Heusel et al. 2017).
        kernel: squared maximum mean discrepancy, cubic kernel (Binkowski et al. 2018), times 1,000.
        kernel_interval: its 95 % interval, from the scatter of 100 subsets.
        precision: share of the first that lie among the others (Kynkäänniemi et al. 2019, k = 3).
        recall: share of the others that lie among the first.
        inception_score: mean and deviation over ten parts; None where the network has no classes.
        faceless: share of the first without a face; None where nobody looked.
    """

    count: int
    frechet: float
    kernel: float
    kernel_interval: tuple[float, float]
    precision: float
    recall: float
    inception_score: tuple[float, float] | None = None
    faceless: float | None = None


def likeness(first: Described, others: Described) -> Likeness:
    """How near the first pictures are to the others.

    Raises:
        ValueError: fewer than ten of either, or not as many of both: distances grow when there are fewer.
    """
    a, b = first.features, others.features
    if len(a) != len(b):
        raise ValueError(f"distances are compared at equal counts: {len(a)} and {len(b)} pictures given")
    if len(a) < FEWEST:
        raise ValueError(f"a distance of distributions needs at least {FEWEST} pictures, {len(a)} given")
    kernel, low, high = kernel_distance(a, b)
    return Likeness(
        count=len(a),
        frechet=frechet_distance(a, b),
        kernel=1000 * kernel,
        kernel_interval=(1000 * low, 1000 * high),
        precision=share_among(a, b),
        recall=share_among(b, a),
        inception_score=None if first.logits is None else inception_score(first.logits),
        faceless=None if first.faceless is None else first.faceless / len(a),
    )


def frechet_distance(a: Features, b: Features) -> float:
    """Of two clouds (N, F)."""
    metric = FrechetInceptionDistance(feature=AsTheyAre(a.shape[1]), normalize=True).set_dtype(torch.float64)
    return float(_fed(metric, a, b).compute())


def kernel_distance(a: Features, b: Features) -> tuple[float, float, float]:
    """KID, and the ends of its 95 % interval.

    Subsets are drawn without replacement, so they share pictures: their variance is (N - size) / size times that of all
    N. Of unequal sets the smaller one counts, which makes the interval wide rather than narrow.
    """
    fewer = min(len(a), len(b))
    size = max(5, min(1000, fewer // 2))
    metric: Any = KernelInceptionDistance(
        feature=AsTheyAre(a.shape[1]), subsets=SUBSETS, subset_size=size, normalize=True
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        mean, deviation = (float(value) for value in _fed(metric, a, b).compute())
    half = 1.96 * deviation * (size / (fewer - size)) ** 0.5
    return mean, mean - half, mean + half


def _fed(metric: Any, a: Features, b: Features) -> Any:
    metric.update(torch.from_numpy(b).double(), real=True)
    metric.update(torch.from_numpy(a).double(), real=False)
    return metric


def share_among(a: Features, b: Features) -> float:
    """Share of ``a`` that lies within the distance of some point of ``b`` to its third nearest of ``b``."""
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    radius = torch.cdist(y, y).kthvalue(min(NEAREST + 1, len(y)), dim=1).values  # the nearest is the point itself
    return float((torch.cdist(x, y) <= radius).any(1).double().mean())


def inception_score(logits: Features) -> tuple[float, float]:
    """IS and its deviation over ten parts (Salimans et al. 2016)."""
    metric: Any = InceptionScore(feature=AsTheyAre(logits.shape[1]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        metric.update(torch.from_numpy(logits))
        mean, deviation = metric.compute()
    return float(mean), float(deviation)
