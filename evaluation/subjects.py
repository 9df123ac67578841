"""Whom an evaluation is about: the photos a model was given of each person, and others that it never saw."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.identity import Judge, Vector
from ldm.faces.photo_hash import Fingerprint, distance, fingerprint
from ldm.faces.photos import PhotoError, list_photos, read_photo

logger = logging.getLogger(__name__)

COPY_BITS = 6
"""Photos whose fingerprints differ in at most so many of 64 bits are copies: saved again, smaller or brighter."""


@dataclass(frozen=True)
class Subject:
    """One person.

    Attributes:
        name: of the person.
        given: the photos that the model was conditioned on or trained with.
        others: other photos of the same person; empty where there are none.
    """

    name: str
    given: tuple[Path, ...]
    others: tuple[Path, ...] = ()


def photos_by_person(folder: Path) -> dict[str, list[Path]]:
    """Photos of ``folder/<person>/``, in order."""
    found: dict[str, list[Path]] = {}
    for path in list_photos(folder):
        found.setdefault(path.parent.name, []).append(path)
    return found


@dataclass(frozen=True)
class Reference:
    """What one judge knows of one person, as unit vectors: products with a face are cosines.

    Attributes:
        given: (G, F) of the photos the model was given.
        others: (O, F) of other photos; O is 0 where there are none.
    """

    given: NDArray[np.float32]
    others: NDArray[np.float32]

    def to_given(self, vector: Vector) -> float:
        """Mean cosine of a face to the photos the model was given."""
        return float((self.given @ vector).mean())

    def to_nearest(self, vector: Vector) -> float:
        """Cosine of a face to the nearest photo the model was given: 1 for a copy of any of them."""
        return float((self.given @ vector).max())

    def to_others(self, vector: Vector) -> float | None:
        """Mean cosine of a face to other photos; None where there are none."""
        return float((self.others @ vector).mean()) if len(self.others) else None

    @property
    def ceiling(self) -> float | None:
        """Mean cosine between a given and another real photo of the person; None without other photos."""
        return float((self.given @ self.others.T).mean()) if len(self.others) else None

    @property
    def nearest(self) -> float | None:
        """Mean cosine between another real photo of the person and the nearest given one; None without others."""
        return float((self.given @ self.others.T).max(0).mean()) if len(self.others) else None


def other_photos(folder: Path, given: Mapping[str, Sequence[Path]]) -> dict[str, tuple[Path, ...]]:
    """The photos of each person in ``folder/<person>/`` that are no copies of those in ``given``.

    A copy (the same file, or the same photo saved again or smaller) would hide that a model copies. With one person
    the photos may lie in ``folder`` itself.

    Args:
        folder: other photos.
        given: the photos of each person that the model was given, as they were and aligned.

    Raises:
        ValueError: no folder is called like one of the people.
    """
    photos = list_photos(folder)
    found: dict[str, tuple[Path, ...]] = {}
    for name, own in given.items():
        known = [mark for path in own if (mark := _mark(path)) is not None]
        inside = [path for path in photos if path.relative_to(folder).parts[0] == name]
        alone = photos if len(given) == 1 and not inside else inside
        found[name] = tuple(path for path in alone if not _is_copy(path, known))
        if left_out := len(alone) - len(found[name]):
            logger.info("%s: %d photos are copies of a given one, or unreadable: left out", name, left_out)
    if not any(found.values()):
        wanted = ", ".join(list(given)[:5])
        raise ValueError(
            f"{folder} holds no other photos of anybody in this run: put them into folders called like the people "
            f"({wanted})"
        )
    if without := [name for name, others in found.items() if not others]:
        logger.warning("no other photos of %s: their copy-paste gap is not measured", ", ".join(without[:5]))
    return found


def _mark(path: Path) -> Fingerprint | None:
    """The fingerprint of a photo; None where it cannot be read, which is said."""
    try:
        return fingerprint(read_photo(path))
    except PhotoError as error:
        logger.warning("%s", error)
        return None


def _is_copy(path: Path, known: Sequence[Fingerprint]) -> bool:
    """Whether a photo is a copy of a known one; a photo that cannot be read is of no more use than one."""
    mark = _mark(path)
    return mark is None or any(distance(mark, other) <= COPY_BITS for other in known)


def reference_of(judge: Judge, subject: Subject) -> Reference:
    """What ``judge`` sees in a person's photos; photos without a face or that cannot be read are passed over.

    Raises:
        ValueError: it sees no face in any of the given photos.
    """
    given = _vectors(judge, subject.given)
    if not len(given):
        names = ", ".join(path.name for path in subject.given[:3]) or "no photo"
        raise ValueError(f"judge {judge.name} finds no face in the photos of {subject.name} ({names})")
    return Reference(given, _vectors(judge, subject.others, given.shape[1]))


def _vectors(judge: Judge, photos: Sequence[Path], width: int = 0) -> NDArray[np.float32]:
    """(N, F) of the photos in which the judge sees a face; (0, width) without any."""
    seen = []
    for path in photos:
        try:
            vector = judge.vector(read_photo(path))
        except PhotoError as error:
            logger.warning("%s", error)
            continue
        if vector is None:
            logger.warning("judge %s finds no face in %s: passed over", judge.name, path)
        else:
            seen.append(vector)
    return np.stack(seen) if seen else np.zeros((0, width), np.float32)
