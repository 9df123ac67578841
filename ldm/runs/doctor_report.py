"""What the doctor found, as a page: a contact sheet with a frame and a reason for each photo, tables, settings."""

from collections.abc import Sequence
from dataclasses import asdict

from evaluation.report import Cell, Gallery, Report, Shown, Table
from ldm.faces.faults import Verdict, counts
from ldm.runs.doctor import Diagnosis, by_person, coverage


def report(found: Diagnosis) -> Report:
    """Everything on one page."""
    kept, all_photos = len(found.kept), len(found.verdicts)
    people = by_person(found.verdicts)
    wrong = ", ".join(f"{number} {kind}" for kind, number in counts(found.verdicts).items()) or "nothing wrong"
    who = "1 person" if len(people) == 1 else f"{len(people)} people"
    lead = f"{all_photos} photos of {who}: {kept} to learn from; {wrong}."
    parts: list[Table | Gallery] = [_people(people)]
    for name, own in people.items():
        note = "Green: good. Yellow: will be mended. Red: left out."
        parts.append(Gallery(name, [_shown(verdict) for verdict in own], note))
        if crops := [_crop(verdict) for verdict in own if verdict.checkup.crop is not None and not verdict.left_out]:
            parts.append(Gallery(f"{name}, crops", crops, "What is learned from: the FFHQ crop of each face."))
    parts.append(_photos(found))
    values = {
        "kind": "doctor",
        "kept": kept,
        "counts": dict(counts(found.verdicts)),
        "photos": [_facts(verdict, found) for verdict in found.verdicts],
    }
    settings = {"photos": found.folder.as_posix(), **asdict(found.limits)}
    return Report(f"Photos: {found.folder.resolve().name}", lead, found.notices, parts, settings, values)


def _people(people: dict[str, list[Verdict]]) -> Table:
    """A row for each person: what is there, and from where it is seen."""
    rows: list[list[Cell]] = []
    keys: Sequence[str] = ()
    for name, own in people.items():
        kept = [verdict.checkup for verdict in own if not verdict.left_out]
        seen = coverage(kept)
        keys = list(seen)
        rows.append([name, len(own), len(kept), *seen.values()])
    note = "Where faces look, as seen in the picture, and how near they are, of the photos to learn from."
    return Table("People", ["person", "photos", "to learn from", *keys], rows, note)


def _shown(verdict: Verdict) -> Shown:
    """A photo in its frame, with the reasons."""
    kind = "bad" if verdict.left_out else "fair" if verdict.faults else "good"
    reasons = "; ".join(f"{fault.kind}: {fault.reason}" for fault in verdict.faults) or "good"
    return Shown(verdict.checkup.path, f"{verdict.checkup.path.name} · {reasons}", kind)


def _crop(verdict: Verdict) -> Shown:
    assert verdict.checkup.crop is not None  # asked for before
    return Shown(verdict.checkup.crop, verdict.checkup.path.name)


def _photos(found: Diagnosis) -> Table:
    """A row for each photo."""
    rows: list[list[Cell]] = []
    for verdict in found.verdicts:
        one = verdict.checkup
        said = ", ".join(fault.kind for fault in verdict.faults) or "good"
        face = one.faces[0].size_px if one.faces else None
        bucket = found.sizes.get(one.path)
        trained = f"{bucket[1]} x {bucket[0]}" if bucket else None
        light = one.light.bright if one.light else None
        size = f"{one.size[0]} x {one.size[1]}" if one.size[0] else None
        caption = found.captions.get(one.path)
        rows.append([one.path.name, one.person, said, size, len(one.faces), face, one.blur, light, trained, caption])
    columns = ["photo", "person", "found", "size", "faces", "face, px", "blur", "light", "bucket", "caption"]
    note = "blur: 0 is sharp, 1 is blurred. light: grey value of the brightest parts of the face. Width x height."
    return Table("Photos", columns, rows, note, [verdict.checkup.path for verdict in found.verdicts])


def _facts(verdict: Verdict, found: Diagnosis) -> dict[str, object]:
    """A photo for the JSON file."""
    return {
        "file": verdict.checkup.path.relative_to(found.folder).as_posix(),
        "person": verdict.checkup.person,
        "left_out": verdict.left_out,
        "faults": [asdict(fault) for fault in verdict.faults],
    }
