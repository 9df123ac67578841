"""What `make demo` found, as a section of docs/measurements.md."""

import json
from pathlib import Path
from typing import Any

from evaluation.studies.document import markdown_table, replace_section


def section(report: dict[str, Any]) -> str:
    """The section's text, from a ``report.json``."""
    rows = [
        [
            f"{Path(person['photo']).stem} (`{person['placeholder']}`)",
            f"{person['detected']} of {person['n']}",
            f"{person['identity']:.3f}",
            f"{person['identity_before']:.3f}",
            f"{person['ci'][0]:+.3f} to {person['ci'][1]:+.3f}",
            f"{person['identity_other']:.3f}",
            "met" if person["ci"][0] > 0 and person["identity"] > person["identity_other"] else "not met",
        ]
        for person in report["people"]
    ]
    head = [
        "person",
        "faces found",
        "identity",
        "at the basis mean",
        "difference, 95 %",
        "to the other's photo",
        "gate",
    ]
    pair, seconds, settings = report["pair"], report["seconds"], report["settings"]
    took = ", ".join(f"{stage} {value:.0f} s" for stage, value in seconds.items() if stage != "setup")
    conditioned = ", ".join(settings["conditioned_by"])
    return f"""`make demo`, then `python -m ldm study demo`: {report["model"]}, judge `{report["judge"]}`, people
learned from face vectors of {conditioned}; a judge that conditioned flatters.
The gate: the 95 % interval of the difference lies above 0, and identity is above that to the other's photo.

{markdown_table(head, rows)}

Both in one picture: two faces in {pair["two_faces"]} of {pair["n"]}, each in their place in {pair["assigned"]}
(chance: half). Time on {settings["machine"]}: {took}."""


def run(report: Path) -> None:
    """Write the section.

    Raises:
        FileNotFoundError: the demo has not been run.
    """
    if not report.is_file():
        raise FileNotFoundError(f"there is no {report}: run `make demo` first")
    replace_section("Demo", section(json.loads(report.read_text(encoding="utf-8"))))
