"""CelebBasis's own protocol applied to the pictures of an evaluation."""

from collections.abc import Sequence
from dataclasses import replace

from evaluation.legacy import BIASES, LegacyPrompt, legacy_averages, legacy_score, legacy_table
from evaluation.report import Report
from evaluation.scores import Asked
from ldm.faces.photos import read_photo
from ldm.runs.evaluated import EvaluatedRun
from ldm.runs.personalization import Panel


def with_legacy(report: Report, panel: Panel, asked: Sequence[Asked], run: EvaluatedRun) -> Report:
    """``report`` with the legacy numbers of the first held-out judge in front, and their biases."""
    judge = next(one for one in panel.judges if one.encoder_name not in run.conditioned_by)
    photos = {person.name: person.photos[0] for person in run.people}
    groups: dict[tuple[str, tuple[str, ...]], list[Asked]] = {}
    for one in asked:
        groups.setdefault((one.prompt, one.people), []).append(one)
    scores = [
        legacy_score(
            judge,
            LegacyPrompt(prompt, [read_photo(one.file) for one in group], read_photo(photos[people[0]])),
            panel.prompts,
        )
        for (prompt, people), group in groups.items()
    ]
    averages = legacy_averages(scores)
    table = legacy_table(judge, averages)
    biased = " ".join(f"({number}) {bias}" for number, bias in enumerate(BIASES, 1))
    notices = [f"The legacy protocol is biased. {biased}", *report.notices]
    values = {**report.values, "legacy": {"judge": judge.name, **averages}}
    return replace(report, notices=notices, parts=[table, *report.parts], values=values)
