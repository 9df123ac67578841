"""docs/studies/celeb_basis.md, with a table of all cells and a picture, from results."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.scripts import ROOT
from evaluation.studies.celeb_basis.arms import COUNTS, CURVE, CURVE_PEOPLE, OURS_ARM
from evaluation.studies.celeb_basis.cells import ASKED, PLAIN, Cells
from evaluation.studies.celeb_basis.pairs import PLACES
from evaluation.studies.celeb_basis.pairs import summary as pair_summary
from evaluation.studies.celeb_basis.results import (
    MEASURES,
    ArmResult,
    Measure,
    curve_of,
    shortest,
    shown,
    verdict,
    word,
)
from evaluation.studies.document import markdown_table
from ldm.files import write_text
from ldm.runs.pictures import grid
from ldm.runs.png import save_png

FOLDER = ROOT / "docs" / "studies"
LOOKED_AT: tuple[Measure, ...] = ("auc", "cosine", "obedience")
SHOWN_PEOPLE = 8
SHOWN = ("mean", "published", "ours", "names-16", "random-16", "untrained-16", "random-all", "untrained-all", "free")
"""Columns of the picture."""


def write(results: Mapping[str, ArmResult], pairs: Mapping[str, Any], cells: Cells, facts: Mapping[str, Any]) -> Path:
    """Write the page, the table and the picture; the page's path."""
    page = FOLDER / "celeb_basis.md"
    write_text(page.with_suffix(".csv"), table_of_cells(results))
    shown_arms = [key for key in SHOWN if key in results]
    people = [p for p in next(iter(results.values())).people if all(p in results[key].people for key in shown_arms)]
    if shown_arms and people:
        sheet = picture(cells, shown_arms, people[:SHOWN_PEOPLE])
        save_png(page.with_suffix(".png"), sheet, {"columns": shown_arms})
    write_text(page, text(results, pairs, facts, shown_arms))
    return page


def table_of_cells(results: Mapping[str, ArmResult]) -> str:
    """A CSV row for each person in each arm."""
    out = io.StringIO()
    names = [name for name, _ in ASKED.values()]
    table = csv.writer(out, lineterminator="\n")
    head = ["arm", "person", "cosine", "nearest_of", "rank", "faces", "pictures", *(f"obedience_{n}" for n in names)]
    table.writerow([*head, "steps", "pictures_learned_from", "cpu_seconds", "distance_1", "distance_2"])
    for key, result in results.items():
        for place, (row, cell, look) in enumerate(zip(result.scores, result.cells, result.looks, strict=True)):
            rank = 1 + int((row > row[place]).sum())
            obeyed = [f"{look.obedience[name]:.4f}" for name in names]
            seen = sum(face is not None for face in look.faces)
            start = [key, cell.person, f"{row[place]:.4f}", len(row), rank, seen, len(look.faces), *obeyed]
            table.writerow([*start, cell.steps, cell.pictures, cell.seconds, *cell.distance])
    return out.getvalue()


def picture(cells: Cells, arms: Sequence[str], people: Sequence[str]) -> Image.Image:
    """A row for each person, a column for each arm: the first picture of each, all from the same noise."""
    rows = []
    for person in people:
        for arm in arms:
            rows.append(cells.pictures(arm, person)[0])
    return grid(rows, columns=len(arms))


def text(
    results: Mapping[str, ArmResult],
    pairs: Mapping[str, Sequence[dict[str, float]]],
    facts: Mapping[str, Any],
    shown_arms: Sequence[str],
) -> str:
    """The page."""
    curve = curve_of(results)
    prompts = ", ".join(f'"{prompt.format("sks")}"' for prompt in ASKED)
    parts = [
        f"""# Does the celeb basis earn its name?
```
{facts["command"]}
```
On `{facts["sd"]}`: {facts["people"]} people who are in no part of the model's training, one photo each. People are
learned from face vectors of `{facts["encoder"]}`; the judge `{facts["judge"]}` took no part in learning and knows the
people by their *other* photos. What is compared, the measures and the seeds ({facts["seeds"]}) were fixed before
anybody was learned. Who is in the study was drawn by the seed; `--tuning` takes people who are never in it.

## What came out
{verdict(results, COUNTS)}

{differences(results)}

## The arms
{facts["schedule"]} Drawn with DDIM, {facts["drawing_steps"]} steps, the model's own guidance.

{table(results)}

* AUC: the cosines of a person's {facts["each"]} pictures, "{PLAIN.format("sks")}", are averaged; how often such a mean
  to the person's own photos is above the mean of somebody's pictures to the photos of another, over all people of the
  arm and all pairs of two; .5 is chance. A picture without a face counts as the judge's 5th percentile of strangers.
  Same sex: only pairs of one sex are compared with; {facts["sex"]}.
* Obedience: how much likelier what was asked for is in the picture than in the one of the plain prompt from the same
  noise ({prompts}), mean over prompts; told by networks trained on CelebA's labels ({facts["accuracy"]}, balanced
  accuracy on people they have not seen). What `mean` reaches is what the model can do without a person.
* Intervals: 95 %, bootstrap over people; differences are paired, the same people resampled in both arms. They are not
  corrected for how many there are.
* Controls have the names' own mean and scale; only where their axes point differs: random orthonormal directions, or
  the principal axes of the same tokens in a text encoder that has learned nothing. With all axes the {facts["all"]}
  directions span the whole space of token vectors, whatever they are called: then only the scale along them differs.
""",
        f"""## Pictures
Rows: people of the study. Columns: {", ".join(f"`{key}`" for key in shown_arms)}; all from the same noise.

![a person a row, an arm a column](celeb_basis.png)

Every person in every arm: [celeb_basis.csv](celeb_basis.csv).
""",
    ]
    if len(curve) > 1:
        parts.append(steps_section(curve))
    if pairs:
        parts.append(pairs_section(results, pairs))
    return "\n".join(parts)


def table(results: Mapping[str, ArmResult]) -> str:
    """A row for each arm; those of the curve have their own table."""
    rows = []
    for key, result in results.items():
        if key.startswith("steps-"):
            continue
        cells = result.cells
        numbers = [shown(result.interval(measure), measure == "obedience") for measure in MEASURES]
        seen, cost = np.mean([cell.pictures for cell in cells]), np.mean([cell.seconds for cell in cells])
        far = np.mean([cell.distance for cell in cells])
        found = f"{100 * result.detected:.0f} %"
        rows.append([f"{result.title} (`{key}`)", *numbers, found, f"{far:.2f}", f"{seen:.0f}", f"{cost:.1f}"])
    head = [
        "arm",
        *MEASURES.values(),
        "face found",
        "distance from the mean",
        "pictures learned from",
        "CPU s a person",
    ]
    return markdown_table(head, rows)


def differences(results: Mapping[str, ArmResult]) -> str:
    """Ours against each other arm, paired."""
    if OURS_ARM.key not in results:
        return ""
    rows = []
    for key in (key for key in results if key != OURS_ARM.key and not key.startswith("steps-")):
        cells = []
        for measure in MEASURES:
            difference = results[OURS_ARM.key].less(results[key], measure)
            cells.append(f"{shown(difference)}: {word(difference)}")
        rows.append([f"ours less {results[key].title}", *cells])
    return markdown_table(["", *MEASURES.values()], rows)


def steps_section(curve: Mapping[int, ArmResult]) -> str:
    """Identity by steps."""
    longest = curve[max(curve)]
    rows = []
    for steps, result in curve.items():
        cells = result.cells
        less = [shown(result.interval(measure), measure == "obedience") for measure in LOOKED_AT]
        difference = result.less(longest, "cosine")
        seen, cost = np.mean([cell.pictures for cell in cells]), np.mean([cell.seconds for cell in cells])
        said = f"{shown(difference)}: {word(difference)}" if steps != max(curve) else ""
        rows.append([str(steps), f"{seen:.0f}", f"{cost:.1f}", *less, said])
    head = ["steps", "pictures a person", "CPU s a person", "AUC", "cosine", "obedience", "cosine less the longest"]
    return f"""## Identity by steps
Ours, a run of its own for each number of steps ({", ".join(map(str, CURVE))}), {CURVE_PEOPLE} people of the study. The
shortest that is not told apart from the longest by its mean cosine: **{shortest(curve)} steps**.

{markdown_table(head, rows)}
"""


def pairs_section(results: Mapping[str, ArmResult], pairs: Mapping[str, Sequence[dict[str, float]]]) -> str:
    """Two people in one picture, before and after."""
    rows = []
    for key, found in pairs.items():
        said = pair_summary(found)
        rows.append([results[key].title, str(len(found)), *(shown(said[name], False) for name in PLACES)])
    return f"""## Two people in one picture
Disjoint pairs of the people of an arm, both orders of "a photo of sks and ks". In place: the one named first is at the
left, of all pictures; a model that draws two faces without telling the people apart gets half of the first column.

{markdown_table(["arm", "pairs", "both faces found", "both in place"], rows)}
"""
