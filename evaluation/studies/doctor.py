"""Does the doctor find planted faults, and what does it say of photos in which nothing was planted?

``python -m ldm study doctor --photos LFW``: five photos each of people of LFW. The first ``CALIBRATED`` people of the
seed's order are those on whom the thresholds of ``ldm.faces.faults`` were chosen; the study measures on the next ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageFilter

from evaluation.report import Table, as_csv
from evaluation.studies.document import markdown_table, replace_section
from ldm.commands.bars import bar
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.checkup import EXIF_ORIENTATION, Checkup, examine
from ldm.faces.faults import judge_photos
from ldm.faces.photos import list_photos, read_photo
from ldm.files import write_json, write_text

SEED, EACH, CALIBRATED = 7, 5, 24
LOOK_ALIKE_OF = 10
"""A look-alike is the nearest of so many strangers by their faces: harder than one of the person's sex."""

Plant = Callable[[Image.Image, Checkup, Path], None]
"""Writes a photo with a fault to a path."""


@dataclass(frozen=True)
class Cell:
    """A fault of one severity.

    Attributes:
        fault: what the doctor should say.
        severity: mild, medium or clear.
        how: in words.
        plant: puts it into a photo; None where another photo is put in the place of the person's.
    """

    fault: str
    severity: str
    how: str
    plant: Plant | None = None


def _save(change: Callable[[Image.Image, Checkup], Image.Image], quality: int = 95) -> Plant:
    return lambda photo, one, path: change(photo, one).save(path, quality=quality)


def _blurred(share: float, photo: Image.Image, one: Checkup) -> Image.Image:
    return photo.filter(ImageFilter.GaussianBlur(share * one.faces[0].size_px))


def _gain(factor: float, photo: Image.Image, _: Checkup) -> Image.Image:
    return photo.point(lambda value: min(255, int(value * factor)))


def _face_of(px: float, photo: Image.Image, one: Checkup) -> Image.Image:
    scale = px / one.faces[0].size_px
    return photo.resize(
        (max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), Image.Resampling.BICUBIC
    )


def _covered(photo: Image.Image, one: Checkup) -> Image.Image:
    """The photo without its faces: each one's box and a quarter around it is grey."""
    covered = photo.copy()
    for face in one.faces:
        left, top, right, bottom = (float(x) for x in face.box)
        more = 0.25 * (right - left)
        covered.paste(
            (127, 127, 127), (round(left - more), round(top - more), round(right + more), round(bottom + more))
        )
    return covered


def _beside(scale: float, photo: Image.Image, one: Checkup) -> Image.Image:
    """The photo with its own face, mirrored and ``scale`` times as large, beside it: as good as another person's."""
    other = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    other = other.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BICUBIC)
    both = Image.new("RGB", (photo.width + other.width, photo.height), "grey")
    both.paste(photo, (0, 0))
    both.paste(other, (photo.width, photo.height - other.height))
    return both


def _copied(shrink: float, cut: float, gain: float, mirror: bool, photo: Image.Image, one: Checkup) -> Image.Image:
    left, top = round(photo.width * cut), round(photo.height * cut)
    copy = photo.crop((left, top, photo.width - left, photo.height - top))
    copy = copy.resize((round(copy.width * shrink), round(copy.height * shrink)), Image.Resampling.BICUBIC)
    return _gain(gain, copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else copy, one)


def _exif(photo: Image.Image, _: Checkup, path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    photo.rotate(90, expand=True).save(path, quality=95, exif=exif)


def _torn(share: float, photo: Image.Image, _: Checkup, path: Path) -> None:
    photo.save(path, quality=95)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def cells() -> Iterator[Cell]:
    """Every fault and severity that is planted."""
    for severity, share in (("mild", 0.01), ("medium", 0.015), ("clear", 0.03)):
        yield Cell("blurred", severity, f"Gaussian, σ {share:.1%} of the face", _save(partial(_blurred, share)))
    for severity, factor in (("mild", 0.6), ("medium", 0.4), ("clear", 0.25)):
        yield Cell("too dark", severity, f"times {factor}", _save(partial(_gain, factor)))
    for severity, factor in (("mild", 1.6), ("medium", 2.2), ("clear", 3.0)):
        yield Cell("too bright", severity, f"times {factor}", _save(partial(_gain, factor)))
    for severity, px in (("mild", 60), ("medium", 48), ("clear", 32)):
        yield Cell("face too small", severity, f"face {px} px", _save(partial(_face_of, px)))
    for severity, copy in (
        ("mild", (0.6, 0.05, 1.2, False)),
        ("medium", (0.8, 0.02, 1.1, True)),
        ("clear", (0.8, 0.0, 1.0, False)),
    ):
        how = f"{copy[0]:.0%} of the size, {copy[1]:.0%} cut off, times {copy[2]}{', mirrored' if copy[3] else ''}"
        yield Cell("duplicate", severity, how, _save(partial(_copied, *copy), 70))
    for severity, scale in (("mild", 0.6), ("medium", 0.8), ("clear", 1.0)):
        yield Cell("several faces", severity, f"a second face {scale} times as large", _save(partial(_beside, scale)))
    for severity, share in (("mild", 0.95), ("medium", 0.5), ("clear", 0.1)):
        yield Cell("unreadable", severity, f"the first {share:.0%} of the file", partial(_torn, share))
    yield Cell("no face", "clear", "every face covered", _save(_covered))
    yield Cell("turned", "clear", "EXIF tag", _exif)
    for degrees in (90, 180):
        turn = lambda photo, one, by: photo.rotate(by, expand=True)  # noqa: E731
        yield Cell("lies on its side", "clear", f"turned by {degrees}°", _save(partial(turn, by=degrees)))
    yield Cell("wrong person", "clear", "a stranger")
    yield Cell("wrong person", "hard", f"a look-alike: the nearest of {LOOK_ALIKE_OF} strangers")


def people_of(folder: Path, num_people: int) -> dict[str, list[Path]]:
    """Five photos each of the people that are measured on, those after the calibrated ones in the seed's order.

    Raises:
        ValueError: there are not that many.
    """
    by_person: dict[str, list[Path]] = {}
    for path in list_photos(folder):
        by_person.setdefault(path.parent.name, []).append(path)
    several = [photos[:EACH] for _, photos in sorted(by_person.items()) if len(photos) >= EACH]
    order = np.random.default_rng(SEED).permutation(len(several))[CALIBRATED : CALIBRATED + num_people]
    if len(order) < num_people:
        raise ValueError(f"{folder}: {len(order)} people with {EACH} photos are left to measure on, not {num_people}")
    return {several[place][0].parent.name: several[place] for place in order}


def found_in(own: Sequence[Checkup], planted: Checkup) -> set[str]:
    """What the doctor says of ``planted`` among the person's other photos."""
    verdict = next(v for v in judge_photos([*own, planted]) if v.checkup is planted)
    return {fault.kind for fault in verdict.faults}


def recall(
    cell: Cell, people: Sequence[Sequence[Checkup]], times: int, backend: FaceBackend, advance: Callable[[int], None]
) -> int:
    """In how many of ``times`` photos the planted fault is found; people and photos are drawn by the seed."""
    draws, hits = np.random.default_rng([SEED, *cell.fault.encode(), *cell.severity.encode()]), 0
    with TemporaryDirectory() as temporary:
        for number in range(times):
            own = list(people[int(draws.integers(len(people)))])
            place = int(draws.integers(EACH))
            taken = own.pop(place)
            if cell.plant is None:
                planted = _stranger(taken, own, people, draws, cell.severity)
            else:
                path = Path(temporary) / f"zz-{number}.jpg"
                cell.plant(read_photo(taken.path), taken, path)
                planted = examine(path, taken.person, backend)
            kept = [*own, taken] if cell.fault == "duplicate" else own
            hits += cell.fault in found_in(kept, planted)
            advance(1)
    return hits


def _stranger(
    taken: Checkup,
    own: Sequence[Checkup],
    people: Sequence[Sequence[Checkup]],
    draws: np.random.Generator,
    severity: str,
) -> Checkup:
    """A photo of somebody else as if it were of this person."""
    others = [one for photos in people for one in photos if one.person != taken.person and one.vector is not None]
    drawn = [others[int(place)] for place in draws.choice(len(others), LOOK_ALIKE_OF, replace=False)]
    middle = np.mean([one.vector for one in own if one.vector is not None], axis=0)
    nearest = max(drawn, key=lambda one: float(one.vector @ middle) if one.vector is not None else -1.0)
    chosen = nearest if severity == "hard" else drawn[0]
    return Checkup(**{**vars(chosen), "person": taken.person})


def run(photos: Path, num_people: int, times: int, out: Path, document: bool) -> None:
    """Plant every fault ``times`` times among photos of ``num_people`` people, and count what is found.

    Args:
        photos: LFW: one folder a person.
        num_people: people to measure on.
        times: photos a fault and severity.
        out: where the numbers go.
        document: write the section of docs/measurements.md too.
    """
    chosen, backend = people_of(photos, num_people), load_backend("yunet-sface")
    with bar("look", num_people * EACH) as advance:
        people = [[_examined(path, name, backend, advance) for path in paths] for name, paths in chosen.items()]
    untouched = [verdict for own in people for verdict in judge_photos(own)]
    alarms = [verdict for verdict in untouched if verdict.faults]
    listed = list(cells())
    with bar("plant", times * len(listed)) as advance:
        hits = [recall(cell, people, times, backend, advance) for cell in listed]
    rows: list[list[str | int | float | None]] = []
    for cell, hit in zip(listed, hits, strict=True):
        false = sum(any(fault.kind == cell.fault for fault in verdict.faults) for verdict in untouched)
        rows.append([cell.fault, cell.severity, cell.how, times, hit / times, false / len(untouched)])
    table = Table("Doctor", ["fault", "severity", "planted", "photos", "recall", "false alarms"], rows)
    write_text(out / "doctor.csv", as_csv(table))
    said = [[v.checkup.path.name, *(fault.kind for fault in v.faults)] for v in alarms]
    write_json(out / "doctor.json", {"untouched": len(untouched), "false_alarms": said, "recall": rows})
    print(as_csv(table) + f"{len(alarms)} of {len(untouched)} untouched photos were called faulty")
    if document:
        replace_section("Doctor", section(rows, len(alarms), len(untouched), num_people))


def _examined(path: Path, person: str, backend: FaceBackend, advance: Callable[[int], None]) -> Checkup:
    advance(1)
    return examine(path, person, backend)


def section(rows: Sequence[Sequence[str | int | float | None]], alarms: int, untouched: int, num_people: int) -> str:
    """The text of the section "Doctor"."""
    shown = [
        [str(r[0]), str(r[1]), str(r[2]), str(r[3]), f"{float(r[4] or 0):.1%}", f"{float(r[5] or 0):.1%}"] for r in rows
    ]
    head = ["fault", "severity", "planted", "photos", "recall", "false alarms"]
    return f"""
`python -m ldm study doctor --photos LFW` (seed {SEED}): {EACH} photos each of {num_people} people, none of them among
the {CALIBRATED} on whom the thresholds were chosen. A fault is planted into one photo of a person among their others;
recall: how often the doctor names it. Of {untouched} untouched photos {alarms} ({alarms / untouched:.1%}) were called
faulty in any way; false alarms: by the fault of the row. Untouched photos may have true faults, a second face for
example; they count as false alarms all the same.

{markdown_table(head, shown)}
"""
