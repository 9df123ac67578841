"""What a face looks like: smile, glasses, hair, sex. Small networks of our own, and one made by others.

The networks are trained on people's labels (CelebA) by :mod:`evaluation.studies.attribute_judge`, never on anything
that a model of ours drew. How often they are right on people they have not seen stands beside what they say.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.gender import GenderNet
from evaluation.identity import MIN_SIDE_PX, enlarged
from ldm.faces.align import ffhq_crop
from ldm.faces.detect import Face, FaceDetector
from ldm.randomness import generator

CROP_PX = 64
"""Side of the FFHQ crop that the networks look at; a larger picture is shrunk, so that pictures of any size compare."""

EPOCHS = 12
VERSION = 1
"""Of crops, network and training together: kept networks of another version are trained anew."""
Probabilities = NDArray[np.float64]
Crops = NDArray[np.uint8]
"""(N, CROP_PX, CROP_PX, 3) RGB."""
NO_CROPS: Crops = np.zeros((0, CROP_PX, CROP_PX, 3), np.uint8)


def largest_face(detector: FaceDetector, picture: Image.Image) -> tuple[Image.Image, Face] | None:
    """The largest face and the picture it is in, RGB and not below MIN_SIDE_PX; None where none is found."""
    picture, _ = enlarged(picture, MIN_SIDE_PX)
    faces = detector(np.asarray(picture))
    return (picture, faces[0]) if faces else None


class AttributeNet(nn.Module):
    """Crops (N, 3, 64, 64) in [-1, 1] to logits (N, A): four strided convolutions and a mean."""

    def __init__(self, num_attributes: int, widths: Sequence[int] = (32, 64, 128, 192)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((3, *widths)):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(widths[-1], widths[-1], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[-1]), nn.ReLU()]
        self.body, self.head = nn.Sequential(*layers), nn.Linear(16 * widths[-1], num_attributes)

    def forward(self, crops: Tensor) -> Tensor:
        """Logits (N, A)."""
        features: Tensor = self.body(crops).flatten(1)
        logits: Tensor = self.head(F.dropout(features, 0.5, self.training))
        return logits


def as_input(crops: Crops) -> Tensor:
    """(N, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def varied(images: Tensor, draws: torch.Generator) -> Tensor:
    """The images (N, 3, S, S) mirrored, shifted, brightened and softened at random, each in its own way."""
    count, side = len(images), images.shape[-1]

    def coin(p: float) -> Tensor:
        return torch.rand((count, 1, 1, 1), generator=draws) < p

    images = torch.where(coin(0.5), images.flip(-1), images)
    soft = F.interpolate(F.avg_pool2d(images, 2), size=side, mode="bilinear", align_corners=False)
    images = torch.where(coin(0.3), soft, images)
    gain = 1 + 0.2 * torch.randn((count, 1, 1, 1), generator=draws)
    images = images * gain + 0.1 * torch.randn((count, 1, 1, 1), generator=draws)
    shift = 0.12 * (torch.rand((count, 2), generator=draws) - 0.5)
    zoom = 1 + 0.12 * (torch.rand(count, generator=draws) - 0.5)
    matrix = torch.zeros((count, 2, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = zoom
    matrix[:, :, 2] = shift
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False).clamp(-1, 1)


def train_net(
    crops: Crops,
    labels: NDArray[np.bool_],
    epochs: int = EPOCHS,
    batch_size: int = 64,
    seed: int = 23,
    advance: Callable[[int], object] = lambda count: None,
) -> AttributeNet:
    """A network that tells the attributes of ``crops``, in evaluation mode; rare and frequent ones weigh alike.

    Args:
        crops: (N, S, S, 3).
        labels: (N, A).
        epochs: over all pictures; the learning rate falls to zero over them.
        batch_size: pictures a step.
        seed: of start, order and variation.
        advance: called with the number of pictures seen.
    """
    share = torch.from_numpy(labels.mean(0, dtype=np.float32)).clamp(1e-3, 1 - 1e-3)
    targets = torch.from_numpy(labels).float()
    weights = targets / share + (1 - targets) / (1 - share)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net, steps = AttributeNet(labels.shape[1]), epochs * -(-len(crops) // batch_size)
        optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
        for epoch in range(epochs):
            order = torch.randperm(len(crops), generator=generator(seed, "order", epoch))
            for place, part in enumerate(torch.split(order, batch_size)):
                images = varied(as_input(crops[part.numpy()]), generator(seed, "varied", epoch, place))
                loss = F.binary_cross_entropy_with_logits(net(images), targets[part], weights[part])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                advance(len(part))
    return net.eval()


@torch.no_grad()
def logits_of(net: AttributeNet, crops: Crops, batch_size: int = 256) -> NDArray[np.float64]:
    """(N, A) logits, the mean of each crop and its mirror image."""
    if not len(crops):
        return np.zeros((0, net.head.out_features))
    parts = [as_input(crops[start : start + batch_size]) for start in range(0, len(crops), batch_size)]
    return np.concatenate([((net(x) + net(x.flip(-1))) / 2).double().numpy() for x in parts])


def balanced_accuracy(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    """Mean of the shares that are right among the true ones and among the others; .5 is chance.

    Raises:
        ValueError: all are true, or none.
    """
    if true.all() or not true.any():
        raise ValueError("balanced accuracy needs pictures with the attribute and pictures without it")
    return float((said[true].mean() + (~said[~true]).mean()) / 2)


def best_threshold(true: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The score from which on "true" is right most often, both kinds weighing alike."""
    order = np.argsort(scores)
    ranked, between = true[order], scores[order]
    missed = np.concatenate([[0], np.cumsum(ranked)]) / max(1, ranked.sum())
    refused = np.concatenate([[0], np.cumsum(~ranked)]) / max(1, (~ranked).sum())
    at = int(np.argmax(refused - missed))
    edges = np.concatenate([[between[0] - 1], (between[1:] + between[:-1]) / 2, [between[-1] + 1]])
    return float(edges[at])


@dataclass(frozen=True)
class AttributeJudge:
    """Says of pictures how likely each attribute of their largest face is.

    Attributes:
        detector: finds the faces.
        net: trained by :func:`train_net`.
        names: what it tells, in the order of its logits; CelebA's words.
        thresholds: the logit that counts as one half, for each name.
        accuracy: balanced accuracy on people it was not trained on, for each name.
        gender: who tells "Male" instead of the network, where it is there.
    """

    detector: FaceDetector
    net: AttributeNet
    names: tuple[str, ...]
    thresholds: Mapping[str, float]
    accuracy: Mapping[str, float]
    gender: GenderNet | None = None

    def __call__(self, pictures: Sequence[Image.Image]) -> dict[str, Probabilities]:
        """(N,) probabilities by name; NaN where no face is found."""
        seen = [largest_face(self.detector, picture) for picture in pictures]
        places = [place for place, face in enumerate(seen) if face is not None]
        found = [face for face in seen if face is not None]
        crops = (
            np.stack([np.asarray(ffhq_crop(p, f.points, CROP_PX), np.uint8) for p, f in found]) if found else NO_CROPS
        )
        values = self.of_crops(crops)
        if self.gender is not None and "Male" in values:
            values["Male"] = self.gender([picture for picture, _ in found], [face for _, face in found])
        everywhere = {name: np.full(len(seen), np.nan) for name in self.names}
        for name, own in values.items():
            everywhere[name][places] = own
        return everywhere

    def of_crops(self, crops: Crops) -> dict[str, Probabilities]:
        """(N,) probabilities by name, of crops that were made already; by our network alone."""
        logits = logits_of(self.net, crops)
        shifts = np.array([self.thresholds[name] for name in self.names])
        return dict(zip(self.names, (1 / (1 + np.exp(shifts - logits))).T, strict=True))

    def source(self, name: str) -> str:
        """Who tells the attribute."""
        return self.gender.name if self.gender is not None and name == "Male" else "own network"
