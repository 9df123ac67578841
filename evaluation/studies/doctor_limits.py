"""On whom limits of the doctor were chosen, and what lies on both sides of them.

``python -m ldm study doctor-limits --photos LFW``: people of LFW with two to four photos who are not kept out of
training. None of them can be among those of ``study doctor``, who have five and more.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from evaluation.report import Cell as Number
from evaluation.report import Table, as_csv
from evaluation.studies.document import markdown_table
from evaluation.studies.planted import Cell, cells
from evaluation.subjects import photos_by_person
from ldm.commands.bars import bar
from ldm.data.splits import held_out_people
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.checkup import SEEN, Checkup, examine
from ldm.faces.faults import Thresholds
from ldm.faces.photos import read_photo
from ldm.files import write_text

SEED, FEWEST, MOST = 11, 2, 4
COLUMNS = ["fault", "limit", "photos", "number", "least", "1 %", "5 %", "median", "95 %", "99 %", "most"]
QUANTILES = (0, 0.01, 0.05, 0.5, 0.95, 0.99, 1)

Measure = Callable[[Image.Image, Checkup, FaceBackend], float]


def tuning_people(folder: Path, num_people: int) -> dict[str, list[Path]]:
    """All photos of the first people in the seed's order who have two to four and are not kept out of training.

    Raises:
        ValueError: there are not that many.
    """
    by_person = photos_by_person(folder)
    kept_out = set(held_out_people([name for name, photos in by_person.items() for _ in photos]))
    names = [name for name, own in sorted(by_person.items()) if FEWEST <= len(own) <= MOST and name not in kept_out]
    if len(names) < num_people:
        raise ValueError(f"{folder}: {len(names)} people have {FEWEST} to {MOST} photos, not {num_people}")
    order = np.random.default_rng(SEED).permutation(len(names))[:num_people]
    return {names[place]: by_person[names[place]] for place in order}


def clipped(_: Image.Image, one: Checkup, backend: FaceBackend) -> float:
    """Share of the face that is clipped; of the photo where no face is found."""
    return one.light.clipped if one.light else 0.0


def bright(_: Image.Image, one: Checkup, backend: FaceBackend) -> float:
    """Grey value of the brightest parts of the face; of the photo where no face is found."""
    return one.light.bright if one.light else 0.0


def second(_: Image.Image, one: Checkup, backend: FaceBackend) -> float:
    """Size of the second face as a share of the largest; 0 where there is none."""
    return max((face.size_px for face in one.faces[1:]), default=0.0) / one.faces[0].size_px if one.faces else 0.0


def surest(photo: Image.Image, _: Checkup, backend: FaceBackend) -> float:
    """Score of the surest face, however the photo is turned; 0 without any."""
    turned = (photo.rotate(degrees, expand=True) for degrees in (0, 90, 180, 270))
    return max((face.score for one in turned for face in backend.faces(one)), default=0.0)


MEASURES: Mapping[str, tuple[Measure, str]] = {
    "too bright": (clipped, f"{Thresholds().clipped}"),
    "too dark": (bright, f"{Thresholds().dark:.0f}"),
    "several faces": (second, f"{Thresholds().second_face}, {Thresholds().other_face} in the middle"),
    "no face": (surest, f"{SEEN}"),
}
"""What is looked at for a fault, and where its limit is."""


def row(fault: str, photos: str, values: Sequence[float]) -> list[Number]:
    """How ``values`` lie, beside the limit of ``fault``."""
    return [fault, MEASURES[fault][1], photos, len(values), *map(float, np.quantile(values, QUANTILES))]


def run(folder: Path, num_people: int, planted: int, out: Path) -> None:
    """Show photos as they are and with planted faults beside the limits that were chosen between them.

    Args:
        folder: LFW: one folder a person.
        num_people: people whose photos are looked at as they are.
        planted: of so many people one photo gets each fault too.
        out: where the table goes.
    """
    people, backend = tuning_people(folder, num_people), load_backend("yunet-sface")
    print(
        f"{num_people} people of {folder.name} with {FEWEST} to {MOST} photos, not kept out of training, seed {SEED}; "
        f"first {', '.join(list(people)[:3])}"
    )
    listed = [cell for cell in cells() if cell.fault in MEASURES]
    looked: list[tuple[Image.Image, Checkup]] = []
    with bar("look", sum(map(len, people.values()))) as advance:
        for person, paths in people.items():
            for path in paths:
                looked.append((read_photo(path), examine(path, person, backend)))
                advance(1)
    firsts = [next(both for both in looked if both[1].person == person) for person in list(people)[:planted]]
    rows = []
    with bar("plant", len(firsts) * len(listed)) as advance:
        for fault, (measure, _) in MEASURES.items():
            rows.append(row(fault, "as they are", [measure(photo, one, backend) for photo, one in looked]))
            for cell in listed:
                if cell.fault == fault:
                    rows.append(row(fault, cell.how, _planted(cell, firsts, measure, backend, advance)))
    print(markdown_table(COLUMNS, [[f"{c:.2f}" if isinstance(c, float) else str(c) for c in one] for one in rows]))
    write_text(out / "limits.csv", as_csv(Table("Limits", COLUMNS, rows)))


def _planted(
    cell: Cell,
    photos: Sequence[tuple[Image.Image, Checkup]],
    measure: Measure,
    backend: FaceBackend,
    advance: Callable[[int], None],
) -> list[float]:
    """``measure`` of photos with a planted fault; photos without a face are left out."""
    found = []
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "planted.jpg"
        for photo, one in photos:
            if cell.plant is not None and one.faces:
                cell.plant(photo, one, path)
                found.append(measure(read_photo(path), examine(path, one.person, backend), backend))
            advance(1)
    return found
