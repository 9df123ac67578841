"""A small network that tells action units, trained for a fixed number of steps whatever the data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from evaluation.attributes import AttributeNet, Crops, as_input, logits_of, varied
from evaluation.studies.action_units.requests import RealFace
from ldm.data.action_units.sample import Oddities
from ldm.data.action_units.tables import TABLES, read_table
from ldm.data.control_images import middle
from ldm.faces.photos import read_photo
from ldm.randomness import generator

Labels = NDArray[np.float64]
"""(N, U): 1 present, 0 absent, NaN unknown."""


@dataclass(frozen=True)
class Faces:
    """Pictures with what their faces do.

    Attributes:
        crops: (N, S, S, 3).
        labels: (N, U).
        people: who is on each.
    """

    crops: Crops
    labels: Labels
    people: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.crops)

    def take(self, places: NDArray[np.int64]) -> "Faces":
        """Some of them, in this order; one may be taken several times."""
        return Faces(self.crops[places], self.labels[places], self.people[places])

    def join(self, other: "Faces") -> "Faces":
        """These and others."""
        return Faces(
            np.concatenate([self.crops, other.crops]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.people, other.people]),
        )


def read_faces(faces: Sequence[RealFace], units: Sequence[int], size_px: int, advance: Callable[[int], None]) -> Faces:
    """The middle of labelled photos, at ``size_px``."""
    crops = []
    for face in faces:
        crops.append(np.asarray(middle(read_photo(face.path), (size_px, size_px)), np.uint8))
        advance(1)
    labels = np.array([[float(one.present[u]) if u in one.present else np.nan for u in units] for one in faces])
    return Faces(np.stack(crops), labels, np.array([one.person for one in faces]))


def with_truth(faces: Sequence[RealFace], folder: Path, truth: Path) -> list[RealFace]:
    """``faces`` with people's labels in place of measured ones, as far as the table ``truth`` has them.

    Raises:
        ValueError: it has none of them.
    """
    said = {one.path: one.occurrence for one in read_table(truth, Oddities(), TABLES["plain"], None, folder)}
    if not any(face.path in said for face in faces):
        raise ValueError(
            f"{truth} has labels of none of the pictures in {folder}: its paths are relative to that folder"
        )
    found = []
    for face in faces:
        known = {unit: value for unit, value in said.get(face.path, {}).items() if value is not None}
        found.append(RealFace(face.path, face.person, face.asked, {**face.present, **known}))
    return found


def train(
    faces: Faces,
    steps: int,
    seed: int,
    vary: bool = False,
    batch_size: int = 64,
    advance: Callable[[int], object] = lambda count: None,
) -> AttributeNet:
    """A network that tells the units of ``faces``, in evaluation mode; both kinds of every unit weigh alike.

    Args:
        faces: to learn from; an unknown label is left out of the loss.
        steps: of the optimizer, whatever the number of faces.
        seed: of start, order and variation: the same seed starts the same network in every arm.
        vary: shift, zoom, brighten and soften too; mirrored every picture is anyway.
        batch_size: pictures a step.
        advance: called with 1 after every step.
    """
    known = torch.from_numpy(~np.isnan(faces.labels))
    targets = torch.from_numpy(np.nan_to_num(faces.labels)).float()
    share = ((targets * known).sum(0) / known.sum(0).clamp_min(1)).clamp(1e-2, 1 - 1e-2)
    weights = (targets / share + (1 - targets) / (1 - share)) * known
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = AttributeNet(targets.shape[1]).train()
        optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
        for step in range(steps):
            draws = generator(seed, "recogniser", step, len(faces))
            part = torch.randint(len(faces), (batch_size,), generator=draws)
            images = as_input(faces.crops[part.numpy()])
            mirrored = torch.rand((batch_size, 1, 1, 1), generator=draws) < 0.5
            images = varied(images, draws) if vary else torch.where(mirrored, images.flip(-1), images)
            loss = F.binary_cross_entropy_with_logits(net(images), targets[part], weights[part])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            advance(1)
    return net.eval()


def tell(net: AttributeNet, faces: Faces) -> NDArray[np.float64]:
    """(N, U) logits; above 0 a unit is present."""
    return logits_of(net, faces.crops)
