"""Judge against judge on pictures that evaluations have scored: a section of docs/measurements.md."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.agreement import COLUMNS, Agreement, Scored, agreements
from evaluation.compare import read_evaluation
from evaluation.judges import STRANGERS
from evaluation.report import shown
from evaluation.studies.document import markdown_table, replace_section
from ldm.files import write_json

TITLE = "Judge against judge"


def run(folders: Sequence[Path], out: Path, document: bool) -> list[Agreement]:
    """How far the judges of the evaluations in ``folders`` agree; people of different runs are different people.

    Raises:
        FileNotFoundError: a folder holds no evaluation.
        ValueError: one is of something else, or there are fewer than two judges.
    """
    reports = {folder.resolve().name: read_evaluation(folder) for folder in folders}
    found = agreements([one for name, report in reports.items() for one in scores_of(report, name)])
    print(table(found))
    write_json(out / "judges.json", [vars(one) for one in found])
    if document:
        replace_section(TITLE, section(found, reports))
    return found


def scores_of(report: Mapping[str, Any], run: str) -> list[Scored]:
    """The scores of an evaluation: cosines to the given photos."""
    return [
        Scored(f"{run}/{row['person']}", {name: _number(said["given"]) for name, said in row["judges"].items()})
        for row in report["scores"]
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def table(found: Sequence[Agreement]) -> str:
    """A row for each pair of judges."""
    return markdown_table(list(COLUMNS), [[shown(cell) for cell in one.row()] for one in found])


def section(found: Sequence[Agreement], reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of the section."""
    judges = list(dict.fromkeys(name for one in found for name in one.judges))
    measured = json.loads(STRANGERS.read_text(encoding="utf-8"))["judges"]
    sets = "; ".join(f"`{name}` on {_people(measured[name])}" for name in judges if name in measured)
    speeds = [report["settings"].get("pictures judged a second") for report in reports.values()]
    known = [speed for speed in speeds if speed is not None]
    low, high = (min(known), max(known)) if known else (0, 0)
    rate = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    speed = f" Together they judged {rate} pictures a second, one picture at a time." if known else ""
    people = max(one.people for one in found)
    return f"""
`python -m ldm study judges EVALUATION...`: pictures of {people} people that `evaluate personalization` drew of
{len(reports)} {"run" if len(reports) == 1 else "runs"} and scored by {len(judges)} judges. Spearman over the scores for
which both find a face; intervals: 95 %, bootstrap over people. *Within a person* is the mean over people of the rank
correlation among one person's pictures: it does not profit from some people being easier. The judges' constants were
measured on photos of LFW: {sets or "none"}.{speed}

{table(found)}
"""


def _people(sides: Mapping[str, Any]) -> str:
    counts = sorted({int(constants["people"]) for constants in sides.values()})
    return f"{' to '.join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))} people"
