"""Who is learned: people held out of the model's training, each with one photo to learn from and others to know by."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.studies.pairs import read_held_out
from evaluation.subjects import Subject
from ldm.files import atomic_path

SEED = 42
"""Of who is chosen; fixed before anybody was learned."""
TUNING = slice(30, 70)
"""Places of the hundred, in that order, who are for tuning and never in a study."""


def choose_subjects(
    folder: Path, count: int, tuning: bool = False, people: Sequence[str] | None = None, seed: int = SEED
) -> list[Subject]:
    """``count`` of the held-out people, in an order drawn by ``seed``, with their photos in ``folder/<person>/``.

    Args:
        folder: LFW: one folder a person.
        count: how many.
        tuning: of those who are never in the study.
        people: held-out people; those of the embedded model if None.
        seed: of the order.

    Raises:
        ValueError: there are not that many, or one has fewer than two photos.
    """
    held_out = read_held_out() if people is None else list(people)
    order = [held_out[place] for place in np.random.default_rng(seed).permutation(len(held_out))]
    pool = order[TUNING] if tuning else [*order[: TUNING.start], *order[TUNING.stop :]]
    if count > len(pool):
        raise ValueError(f"{count} people asked for, but {len(pool)} of the held-out ones are for this")
    photos = {person: sorted((folder / person).glob("*")) for person in pool[:count]}
    if few := [person for person, own in photos.items() if len(own) < 2]:
        raise ValueError(
            f"{folder} has fewer than two photos of {len(few)} people, first {few[0]}: is it LFW's folder?"
        )
    return [Subject(person, (own[0],), tuple(own[1:])) for person, own in photos.items()]


def align(subjects: Sequence[Subject], out: Path) -> Path:
    """Aligned faces of the photos to learn from, by `00_align_face.sh`; the manifest that lists them."""
    for subject in subjects:
        for photo in subject.given:
            with atomic_path(out / "photos" / subject.name / photo.name) as temporary:
                shutil.copyfile(photo, temporary)
    return Scripts(Stages(out / "logs", ROOT), Path(), Path()).align(out / "photos", out / "aligned")
