"""The demo's page: outputs/demo/index.html."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.demo_scores import STAGES, Demo, PersonResult
from evaluation.page import data_uri, figure, grid, notice, png_uri, section, table, write_page
from evaluation.pairs import PairScore, summarize
from evaluation.samples import Sample, by_prompt
from ldm.faces.photos import read_photo

TITLE = "One photo in, that person out"
PHOTO_PX = 384


def write_demo_page(path: Path, demo: Demo) -> None:
    """Write the whole page of ``demo`` to ``path``; it needs no other file."""
    parts = [_head(demo), _people(demo)]
    if demo.curve is not None:
        parts.append(section("Training", figure(png_uri(demo.curve), "training curve", kind="curve")))
    parts += [_grids(result) for result in demo.people]
    parts += [_pairs(demo), _scores(demo), _costs(demo), _settings(demo)]
    write_page(path, f"{TITLE}: demo", parts)


def _head(demo: Demo) -> str:
    """Title, what this is, and whether the judge is impartial."""
    names = " and ".join(result.person.title for result in demo.people)
    judged = (
        notice(
            f"The judge {demo.judge} uses the network whose face vectors the people were learned from. It knows what "
            "the model was told, so its scores flatter: compare them with each other, not with other judges. "
            "Another network can be named: make demo ARGS='--judge NET.onnx:imagenet'."
        )
        if demo.judge_conditioned
        else f'<p class="note">Scored by {escape(demo.judge)}, which had no part in learning the people.</p>'
    )
    return (
        f'<header><h1>{TITLE}</h1>\n<p class="lead">{escape(names)}, each learned from one photograph by '
        f"<code>{escape(demo.model)}</code>, and drawn from words.</p>\n{judged}</header>"
    )


def _people(demo: Demo) -> str:
    """Photo, aligned face and best picture of each person with the headline numbers."""
    cards = []
    for result in demo.people:
        best = result.drawn[int(np.argmax(result.identity.values))]
        faces = [
            figure(data_uri(_small(read_photo(result.person.photo)), lossy=True), result.person.title, "the photo"),
            figure(data_uri(_small(read_photo(result.person.aligned)), lossy=True), "aligned face", "aligned"),
            figure(data_uri(best.open()), best.prompt, f"closest of {len(result.drawn)}"),
        ]
        gain = result.gain
        cards.append(
            f'<div class="person"><h3>{escape(result.person.title)} is <code>{escape(result.person.placeholder)}</code>'
            f'</h3><div class="faces">{"".join(faces)}</div>'
            f'<p><span class="big">{result.identity.mean:.3f}</span> identity, '
            f"{_signed(gain.value)} over the mean face (95 %: {_signed(gain.low)} to {_signed(gain.high)})</p></div>"
        )
    return section("The people", f'<div class="people">{"".join(cards)}</div>')


def _grids(result: PersonResult) -> str:
    """One grid per prompt: what was drawn, and below it the same seeds at the basis mean."""
    scores = dict(zip(result.drawn, result.identity.cosines, strict=True))
    before = dict(zip(result.before, result.identity_before.cosines, strict=True))
    partner = dict(zip(result.drawn, result.before, strict=True))
    parts = []
    for prompt, samples in by_prompt(result.drawn).items():
        parts.append(grid([_cell(sample, scores[sample]) for sample in samples], prompt))
        cells = [_cell(partner[sample], before[partner[sample]]) for sample in samples]
        parts.append(f"<details><summary>the same seeds at the basis mean</summary>{grid(cells)}</details>")
    person = result.person
    note = "Below each picture: cosine of its face to the photo."
    return section(f"{person.title} ({person.placeholder})", *parts, note=note)


def _pairs(demo: Demo) -> str:
    """The pictures of both people, prompt by prompt."""
    scores = dict(zip(demo.pair.drawn, demo.pair.scores, strict=True))
    parts = []
    for prompt, samples in by_prompt(demo.pair.drawn).items():
        cells = []
        for sample in samples:
            score = scores[sample]
            cells.append(figure(data_uri(sample.open()), f"{prompt}, seed {sample.seed}", _placed(score)))
        parts.append(grid(cells, prompt))
    note = (
        "Who is named first is expected at the left. In place: that order fits the two photos better than the swapped."
    )
    return section("Both together", *parts, note=note)


def _scores(demo: Demo) -> str:
    """The table of scores."""
    head = ["person", "pictures", "face found", "identity", "at the basis mean", "gain, 95 %", "to the other's photo"]
    rows = [
        [
            f"{result.person.title} ({result.person.placeholder})",
            str(len(result.drawn)),
            str(result.identity.detected),
            _number(result.identity.mean),
            _number(result.identity_before.mean),
            f"{_signed(result.gain.low)} to {_signed(result.gain.high)}",
            _number(result.identity_other.mean),
        ]
        for result in demo.people
    ]
    pair = summarize(demo.pair.scores)
    pairs = table(
        ["both", "pictures", "two faces", "in place"],
        [["together", *map(str, (pair.n, pair.two_faces, pair.assigned))]],
    )
    undetected = demo.people[0].identity.undetected
    note = (
        f"Identity is the mean cosine to the photo by {demo.judge}; a picture without a detected face counts as "
        f"{_number(undetected)}, the 5th percentile between strangers. The interval is a bootstrap over pictures. "
        "Two faces in random places would be in place half of the time."
    )
    return section("Scores", table(head, rows), pairs, note=note)


def _costs(demo: Demo) -> str:
    """Seconds and memory per stage."""
    rows = [
        [
            stage,
            f"{demo.seconds.get(stage, 0.0):.1f}",
            f"{demo.peak_rss_mb[stage]:,.0f}" if stage in demo.peak_rss_mb else "not measured",
        ]
        for stage in STAGES
    ]
    rows.append(["all", f"{sum(demo.seconds.get(stage, 0.0) for stage in STAGES):.1f}", ""])
    note = "Memory: resident sets of a stage's processes, summed, at their peak. Setup: when it last ran; 0 if unknown."
    return section("Time and memory", table(["stage", "seconds", "peak memory, MiB"], rows), note=note)


def _settings(demo: Demo) -> str:
    """What was set, for whoever wants the same again."""
    rows = [[key, _said(value)] for key, value in demo.settings.items()]
    return section("Settings", f'<div class="settings">{table(["", ""], rows)}</div>')


def _said(value: Any) -> str:
    """A setting as text: lists and tables of settings on one line."""
    if isinstance(value, dict):
        return " · ".join(f"{key} {_said(one)}" for key, one in value.items() if one not in ("", [], {}))
    return " · ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _placed(score: PairScore) -> str:
    """What a picture of two people shows, in two words."""
    if score.two_faces:
        return "in place" if score.assigned else "swapped"
    return "one face" if score.num_faces else "no face"


def _cell(sample: Sample, cosine: float) -> str:
    caption = "no face" if np.isnan(cosine) else f"{cosine:.2f}".replace("-", "−")
    return figure(data_uri(sample.open()), f"{sample.prompt}, seed {sample.seed}", caption)


def _small(image: Image.Image) -> Image.Image:
    """A copy no larger than the page shows it, on high-density screens too."""
    copy = image.copy()
    copy.thumbnail((PHOTO_PX, PHOTO_PX), Image.Resampling.LANCZOS)
    return copy


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
