"""Who is learned: a few people with several photos each, half of them to learn from and half to know them by."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from ldm.data.people import PUBLISHED_NAME, natural
from ldm.faces.photos import list_photos
from ldm.files import atomic_path


@dataclass(frozen=True)
class Person:
    """Somebody.

    Attributes:
        name: a word.
        learned: photos that methods learn from.
        known: photos that no method sees: a judge knows the person by them.
    """

    name: str
    learned: tuple[Path, ...]
    known: tuple[Path, ...]


def people_in(folder: Path, count: int) -> list[Person]:
    """The first ``count`` people of ``folder``: a sub-folder a person, or files called like ``00012_id1_#2.jpg``.

    Of a person's photos, sorted by name, the first, third, ... are learned from.

    Raises:
        ValueError: there are not that many people with at least four photos.
    """
    photos: dict[str, list[Path]] = {}
    for path in list_photos(folder):
        match = PUBLISHED_NAME.fullmatch(path.stem)
        name = f"id{match[1]}" if match else path.parent.name if path.parent != folder else path.stem
        photos.setdefault(name, []).append(path)
    names = sorted((name for name, own in photos.items() if len(own) >= 4), key=natural)
    if len(names) < count:
        raise ValueError(f"{folder} has {len(names)} people with four photos or more, {count} are wanted")
    return [Person(name, tuple(photos[name][::2]), tuple(photos[name][1::2])) for name in names[:count]]


def align(people: list[Person], out: Path) -> Path:
    """Aligned faces of the photos to learn from, ``out/aligned/<person>/``, by `00_align_face.sh`; the manifest."""
    for person in people:
        for photo in person.learned:
            with atomic_path(out / "photos" / person.name / photo.name) as temporary:
                shutil.copyfile(photo, temporary)
    return Scripts(Stages(out / "logs", ROOT), Path(), Path()).align(out / "photos", out / "aligned")
