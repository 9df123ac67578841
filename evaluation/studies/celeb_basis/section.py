"""A section of docs/measurements.md: how some arms do on people never seen, and whether that is good enough."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.bootstrap import Interval
from evaluation.studies.celeb_basis.arms import OURS_ARM
from evaluation.studies.celeb_basis.cells import PLAIN, Cells
from evaluation.studies.celeb_basis.pairs import summary
from evaluation.studies.celeb_basis.report import pairs_section, table
from evaluation.studies.celeb_basis.results import ArmResult, shown
from evaluation.studies.document import MEASUREMENTS, markdown_table, replace_section

TITLE = "Unseen people on the celeb basis"
GATES = {"AUC": 0.90, "AUC, same sex": 0.80, "both faces found": 0.80, "both in place": 0.75}
"""Issue 4: for the embedded model to be good."""
PLACED = {"two_faces": "both faces found", "assigned": "both in place"}


def write(
    results: Mapping[str, ArmResult],
    pairs: Mapping[str, Sequence[dict[str, float]]],
    cells: Cells,
    facts: Mapping[str, Any],
) -> Path:
    """Write the section; the page's path. Pictures stay in ``cells``."""
    replace_section(TITLE, text(results, pairs, facts))
    return MEASUREMENTS


def text(
    results: Mapping[str, ArmResult], pairs: Mapping[str, Sequence[dict[str, float]]], facts: Mapping[str, Any]
) -> str:
    """The section's body."""
    parts = [
        f"""```
{facts["command"]}
```
{facts["people"]} people who are in no part of the training of `{facts["sd"]}`, one photo each, seen by
`{facts["encoder"]}`; `{facts["judge"]}` took no part and knows them by their other photos: {facts["each"]} pictures of
"{PLAIN.format("sks")}" each, whose mean is what an AUC compares. {facts["schedule"].partition(";")[0]}. Same sex:
{facts["sex"]}. What the columns mean stands in [studies/celeb_basis.md](studies/celeb_basis.md).

{table(results)}"""
    ]
    if OURS_ARM.key in results:
        own = results[OURS_ARM.key]
        parts.append(gates(own, summary(pairs[OURS_ARM.key]) if pairs.get(OURS_ARM.key) else {}))
        alike = own.alike()
        parts.append(
            "Nobody has a stranger of the same sex, hair and glasses among them."
            if alike is None
            else "Everybody's own mean against those of two people of the same sex and hair colour, both with or both "
            f"without glasses, told apart by their faces alone: AUC {shown(alike, False)}."
        )
    if pairs:
        parts.append(pairs_section(results, pairs).replace("## ", "### ", 1))
    return "\n\n".join(parts)


def gates(own: ArmResult, placed: Mapping[str, Interval]) -> str:
    """What should hold of ours, and whether it does."""
    found = {"AUC": own.interval("auc"), "AUC, same sex": own.interval("auc_same_sex")}
    found |= {PLACED[key]: one for key, one in placed.items()}
    rows = [
        [name, shown(one, False), f"{GATES[name]:.2f}", "met" if one.value >= GATES[name] else "not met"]
        for name, one in found.items()
    ]
    return markdown_table(["ours", "found", "at least", ""], rows)
