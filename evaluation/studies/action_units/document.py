"""docs/studies/action_units.md: what the reports of the study found, with curves and pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.report import Plot, Report, Table, shown
from evaluation.scripts import ROOT
from evaluation.studies.document import markdown_table, replace_section
from ldm.files import atomic_path, write_text
from ldm.runs.png import save_png
from ldm.runs.sheet import sheet

PAGE = ROOT / "docs" / "studies" / "action_units.md"
ARMS = {
    "vector": "told by a vector",
    "blind": "the same, told nothing",
    "captions": "told in captions (`AU12`)",
    "untrained": "before any training, asked in a sentence",
}
PEOPLE = "people"
"""The arm of unseen people; one for each weight where several are measured: ``people, weight 3``."""
SHOWN_UNITS, SHOWN_NOISES = (1, 4, 12, 25, 26, 43), 3


@dataclass(frozen=True)
class Facts:
    """What the page is made of.

    Attributes:
        sd: the weights.
        command: that gives the same numbers.
        out: where everything lies.
        plan: how much was done.
        found: the report of every arm.
        places: where the pictures of every arm lie.
    """

    sd: str
    command: str
    out: Path
    plan: Mapping[str, Any]
    found: Mapping[str, Report]
    places: Mapping[str, Path]

    @property
    def people(self) -> list[str]:
        """The arms of unseen people."""
        return [arm for arm in self.found if arm.startswith(PEOPLE)]

    def table(self, arm: str, title: str) -> Table | None:
        """A table of an arm's report; None where it has none of this title."""
        return next((one for one in self.found[arm].tables() if one.title == title), None)


def write(facts: Facts) -> Path:
    """Write the page, sections of other studies left as they are, and its pictures."""
    pictures = write_pictures(facts)
    for title, body in sections(facts, pictures).items():
        put_section(title, body)
    return PAGE.relative_to(ROOT) if PAGE.is_relative_to(ROOT) else PAGE


def put_section(title: str, body: str) -> None:
    """Write a section of the page; the page is begun where it is not there."""
    if not PAGE.is_file():
        write_text(PAGE, "# Do faces do what they are asked to?\n")
    replace_section(title, body, PAGE)


def sections(facts: Facts, pictures: Sequence[str] = ()) -> dict[str, str]:
    """By heading, the page's parts."""
    return {
        "How it was measured": _how(facts),
        "Gates": gates(facts),
        "Asked for and measured": _asked(facts),
        "Dose and response": _dose(facts, pictures),
        "Words, a vector, and nothing": _arms(facts),
        "This person with this expression": _people(facts, pictures),
        "Labels and ceilings": _labels(facts),
    }


def gates(facts: Facts) -> str:
    """What should hold, and whether it does."""
    rows = []
    for arm in ("vector", "captions", *facts.people):
        found = facts.table(arm, "Gates")
        for row in found.rows if found is not None else ():
            rows.append([_named(arm), *(shown(cell) for cell in row)])
    if not rows:
        return "No gate was judged."
    return markdown_table(["", "gate", "found", "low", "high", "at least", ""], rows)


def _how(facts: Facts) -> str:
    plan = facts.plan
    return f"""```
{facts.command}
```
On `{facts.sd}`: faces of CelebA and LFW, labelled by MediaPipe's blendshapes (thresholds of AU12 and AU25 by people's
labels on a calibration split), people in training or in tests but never in both. A vector of units is learned together
with a LoRA ({plan["vector_steps"]} steps of {plan["batch_size"]}; photos of people whom the model knows are called by
their names three times of four), captions like `AU12,AU25` by the whole UNet
({plan["style_steps"]} steps). AU12 and AU25 are judged by classifiers that were trained on people's labels of CelebA
alone (`Smiling`, `Mouth_Slightly_Open`), on other people than they are tested on. All other units are read by the
blendshapes that made the labels: **same detector as the labels**, no gate. A picture without a face counts as the
opposite of what was asked for. Intervals: 95 %, bootstrap over people, or over noises where nobody was named."""


def _asked(facts: Facts) -> str:
    table = facts.table("vector", "Asked for and measured")
    if table is None:
        return "Nothing was asked for."
    columns = ("unit", "read by", "asked", "share present", "F1", "always F1", "skew F1", "AUC", "ICC", "Pearson",
               "ceiling F1", "ceiling AUC", "ceiling ICC")  # fmt: skip
    return f"By a vector. {table.note}\n\n{_picked(table, columns)}"


def _dose(facts: Facts, pictures: Sequence[str]) -> str:
    table = facts.table("vector", "Dose and response")
    if table is None:
        return "Nothing was asked for."
    columns = ("unit", "read by", "Spearman", "slope", "monotonicity", "leak", "leak in shares", "leaks most into")
    parts = [f"By a vector. {table.note}", _picked(table, columns)]
    if "action_units_curves.png" in pictures:
        parts.append("![measured over asked for, by unit](action_units_curves.png)")
    if "action_units_sweeps.png" in pictures:
        parts.append("From 0 to 5, a noise a row:\n\n![sweeps of several units](action_units_sweeps.png)")
    return "\n\n".join(parts)


def _arms(facts: Facts) -> str:
    rows = []
    for arm in facts.found:
        asked, dose = (facts.table(arm, title) for title in ("Asked for and measured", "Dose and response"))
        if asked is None or dose is None:
            continue
        ranks = {(row[0], row[1]): _cells(dose, row, "Spearman", "Spearman low", "Spearman high") for row in dose.rows}
        for row in asked.rows:
            if row[1] == "people's labels" and row[2] == "alone":
                auc = _cells(asked, row, "AUC", "AUC low", "AUC high")
                rows.append([_named(arm), str(row[0]), _interval(auc), _interval(ranks[row[0], row[1]])])
    if not rows:
        return "No classifier that knows people's labels took part."
    head = ["", "unit", "AUC", "Spearman of the sweep"]
    return f"By people's labels; .5 and 0 for a model that ignores what it is asked.\n\n{markdown_table(head, rows)}"


def _people(facts: Facts, pictures: Sequence[str]) -> str:
    tables = {arm: found for arm in facts.people if (found := facts.table(arm, "Identity along the sweep"))}
    if not tables:
        return "Nobody was drawn."
    parts = [
        f"{facts.plan['people']} people who are in no training, learned on the celeb basis from one photo each, asked "
        "for AU12 and AU25 by the vector; the movement is that of a face without a name (`--au-prompt`). The neutral "
        "AUC compares with strangers' pairs of both kinds: a person's picture with others' photos, others' pictures "
        "with theirs."
    ]
    for arm, found in tables.items():
        parts += [f"{_named(arm).capitalize()}. {found.note}", _picked(found, found.columns)]
    if "action_units_people.png" in pictures:
        of = f" ({_named(facts.people[0])})" if len(facts.people) > 1 else ""
        said = f"AU12 from 0 to 5, a person a row{of}:"
        parts.append(f"{said}\n\n![people with a rising smile](action_units_people.png)")
    return "\n\n".join(parts)


def _named(arm: str) -> str:
    """An arm as the page calls it."""
    return ARMS.get(arm) or f"unseen people, told by a vector{arm.removeprefix(PEOPLE)}"


def _labels(facts: Facts) -> str:
    file = facts.out / "data" / "labels.thresholds.json"
    rows = []
    for one in json.loads(file.read_text(encoding="utf-8")) if file.is_file() else ():
        at = one["threshold"]
        numbers = [shown(one[key]) for key in ("present", "auc", "f1")]
        rows.append([f"AU{one['unit']}", f"{at['at']:.4f}", at["how"], *numbers])
    head = ["unit", "present from", "set by", "share present", "AUC against people", "F1 against people"]
    parts = ["What the blendshapes' labels are worth, on people who set no threshold:", markdown_table(head, rows)]
    if (ceilings := facts.table("vector", "Ceilings")) is not None:
        parts += [ceilings.note, _picked(ceilings, ceilings.columns)]
    return "\n\n".join(parts)


def _picked(table: Table, columns: Sequence[str]) -> str:
    """Some columns as Markdown; a column whose ends stand in the table is shown with its interval."""
    rows = []
    for row in table.rows:
        own = dict(zip(table.columns, row, strict=True))
        cells = []
        for name in columns:
            ends = [own.get(f"{name} {end}") for end in ("low", "high")]
            cell = _interval([own[name], *ends]) if None not in ends else shown(own[name])
            cells.append(f"`{cell}`" if "<" in cell else cell)  # Markdown takes <ada> for a tag
        rows.append(cells)
    return markdown_table(list(columns), rows)


def _cells(table: Table, row: Sequence[Any], *names: str) -> list[Any]:
    return [row[list(table.columns).index(name)] for name in names]


def _interval(cells: Sequence[Any]) -> str:
    value, low, high = cells
    return shown(value) if low is None or high is None else f"{shown(value)} ({shown(low)} to {shown(high)})"


def write_pictures(facts: Facts) -> list[str]:
    """Curves and sweeps beside the page; names of those that there are."""
    made = []
    curves = next((one for one in facts.found["vector"].parts if isinstance(one, Plot)), None)
    if curves is not None:
        with atomic_path(PAGE.with_name("action_units_curves.png")) as temporary:
            temporary.write_bytes(curves.content)
        made.append("action_units_curves.png")
    rows = {}
    for unit in SHOWN_UNITS:
        for number, own in enumerate(_sweeps(facts.places["vector"] / "sweep" / f"AU{unit}")[:SHOWN_NOISES]):
            rows[f"AU{unit}{' ' * number}"] = own
    people = _sweeps(facts.places[facts.people[0]] / "sweep" / "AU12", one_each=True)
    for name, shown_rows in (("sweeps", rows), ("people", {f"{n + 1}": own for n, own in enumerate(people[:8])})):
        if shown_rows:
            save_png(PAGE.with_name(f"action_units_{name}.png"), sheet(shown_rows), {"figure": name})
            made.append(f"action_units_{name}.png")
    return made


def _sweeps(folder: Path, one_each: bool = False) -> list[list[Image.Image]]:
    """A row of pictures for each noise, or only the first noise of each prompt, in the order of the levels."""
    rows: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.png"), key=lambda one: (one.stem[:9], float(one.stem.rpartition("-")[2]))):
        prompt, seed, _ = path.stem.split("-")
        rows.setdefault(prompt if one_each else f"{prompt}-{seed}", []).append(path)
    count = min((len({path.stem.rpartition("-")[2] for path in own}) for own in rows.values()), default=0)
    return [[Image.open(path).convert("RGB") for path in own[:count]] for own in rows.values()]
