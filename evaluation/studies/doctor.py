"""Does the doctor find planted faults, and what does it say of photos in which nothing was planted?

``python -m ldm study doctor --photos LFW``: five photos each of people of LFW. The first ``CALIBRATED`` people of the
seed's order are those on whom the thresholds of ``ldm.faces.faults`` were chosen; the study measures on the next ones.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from evaluation.report import Table, as_csv
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.planted import LOOK_ALIKE_OF, Cell, cells
from ldm.commands.bars import bar
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.checkup import Checkup, examine
from ldm.faces.faults import judge_photos
from ldm.faces.photos import list_photos, read_photo
from ldm.files import write_json, write_text
from ldm.runs.pictures import grid, save_jpeg

SEED, EACH, CALIBRATED = 7, 5, 24
SECOND = "several faces"


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
    write_json(out / "doctor.json", {"untouched": len(untouched), "called_faulty": said, "recall": rows})
    if alarms:
        save_jpeg(grid([read_photo(verdict.checkup.path) for verdict in alarms], columns=8), out / "called_faulty.jpg")
    second = sum({fault.kind for fault in v.faults} == {SECOND} for v in alarms)
    text = section(rows, len(alarms), second, len(untouched), num_people)
    print(text)
    if document:
        replace_section("Doctor", text)


def _examined(path: Path, person: str, backend: FaceBackend, advance: Callable[[int], None]) -> Checkup:
    advance(1)
    return examine(path, person, backend)


def section(
    rows: Sequence[Sequence[str | int | float | None]], alarms: int, second: int, untouched: int, num_people: int
) -> str:
    """The text of the section "Doctor"; of the ``alarms``, ``second`` are for a second face alone."""
    shown = [
        [str(r[0]), str(r[1]), str(r[2]), str(r[3]), f"{float(r[4] or 0):.1%}", f"{float(r[5] or 0):.1%}"] for r in rows
    ]
    head = ["fault", "severity", "planted", "photos", "recall", "false alarms"]
    return f"""
`python -m ldm study doctor --photos LFW` (seed {SEED}): {EACH} photos each of {num_people} people, none of them among
the {CALIBRATED} on whom the thresholds were chosen. A fault is planted into one photo of a person among their others;
recall: how often the doctor names it; false alarms: how often it names that fault in untouched photos. Of {untouched}
untouched photos {alarms} ({alarms / untouched:.1%}) were called faulty: {second} ({second / untouched:.1%}) for a
second face alone, which photos of LFW do have (`called_faulty.jpg` shows them), and {alarms - second}
({(alarms - second) / untouched:.1%}) for anything else. Two limits, of the surest face that counts and of the light
where no face is found, were set after a first look at these people: for them the table flatters.

{markdown_table(head, shown)}
"""
