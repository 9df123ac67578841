"""Two people whom the model has never seen, in one picture: are both there, is each in their place?

``python -m ldm study pairs --photos LFW --judge NET.onnx:imagenet`` learns pairs of held-out people from one photo each
with the numbered scripts, draws them together in both orders, and writes the section "Pairs of unseen people" of
docs/measurements.md. Pairs that are done already are kept: stopped, it goes on where it was.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.bootstrap import Interval, bootstrap_mean
from evaluation.identity import Judge, require_held_out
from evaluation.judges import load_judge, strangers_percentile
from evaluation.pairs import PairScore, in_prompt_order, score_pair
from evaluation.samples import SETTINGS, Sample, read_samples
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.made_of import config_digest
from evaluation.studies.names import mean_vector
from ldm.data.manifest import read_people
from ldm.files import atomic_path, write_json
from ldm.runs.claim import claim
from ldm.weights.fingerprint import fingerprint

SEED = 42
HELD_OUT = ROOT / "configs" / "embedded" / "held_out_people.txt"
PLACEHOLDERS = ("sks", "ks")
PROMPTS = ("a photo of sks and ks", "a photo of ks and sks")


@dataclass(frozen=True)
class Pair:
    """Two people and their photos: the first of each is learned from, the others are what the judges know."""

    names: tuple[str, str]
    photos: tuple[list[Path], list[Path]]

    @property
    def key(self) -> str:
        """The pair's folder name."""
        return "__".join(self.names)


def read_held_out(file: Path = HELD_OUT) -> list[str]:
    """Names of the people held out of the embedded model's training, as LFW's folders have them."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line.replace(" ", "_") for line in lines if line and not line.startswith("#")]


def choose_pairs(folder: Path, people: Sequence[str], count: int, seed: int = SEED) -> list[Pair]:
    """``count`` disjoint pairs of ``people``, drawn by ``seed``, with their photos in ``folder/<person>/``.

    Raises:
        ValueError: there are not that many people, or one has fewer than two photos.
    """
    if 2 * count > len(people):
        raise ValueError(f"{count} disjoint pairs need {2 * count} people, {len(people)} are held out")
    order = np.random.default_rng(seed).permutation(len(people))
    chosen = [people[place] for place in order[: 2 * count]]
    photos = {person: sorted((folder / person).glob("*")) for person in chosen}
    if few := [person for person in chosen if len(photos[person]) < 2]:
        raise ValueError(
            f"{folder} has fewer than two photos of {len(few)} people, first {few[0]}: is it LFW's folder?"
        )
    return [
        Pair((first, second), (photos[first], photos[second]))
        for first, second in zip(chosen[::2], chosen[1::2], strict=True)
    ]


def draw_pair(pair: Pair, folder: Path, scripts: Scripts, judges: Sequence[Judge], each: int) -> list[Sample]:
    """Learn both people from their first photo and draw them; the pictures. What was drawn before is read again.

    Raises:
        ValueError: every judge is the network that the people are learned with.
    """
    photos = folder / "photos"
    for place, own in enumerate(pair.photos):  # placeholders go by the order of the file names
        with atomic_path(photos / f"{place}_{own[0].name}") as temporary:
            shutil.copyfile(own[0], temporary)
    manifest = scripts.align(photos, folder / "aligned")
    require_held_out(judges, {record.encoder for record in read_people(manifest)})
    if listings := sorted(folder.glob(f"pictures/*/{SETTINGS}")):
        return read_samples(listings[-1].parent)
    run = scripts.train(manifest, folder / "runs")
    return scripts.generate(run, PROMPTS, each, folder / "pictures" / run.name)


def judge_pair(judge: Judge, pair: Pair, drawn: Sequence[Sample]) -> dict[str, Any]:
    """What ``judge`` says of the pictures of ``pair``: shares of pictures."""
    undetected = strangers_percentile(judge, min(drawn[0].open().size))
    references = {
        placeholder: mean_vector(judge, photos[1:])
        for placeholder, photos in zip(PLACEHOLDERS, pair.photos, strict=True)
    }
    scores: list[PairScore] = []
    for sample in drawn:
        first, second = in_prompt_order(sample.prompt, PLACEHOLDERS)
        scores.append(score_pair(judge, sample.open(), (references[first], references[second]), undetected))
    two = [score for score in scores if score.two_faces]
    return {
        "n": len(scores),
        "two_faces": len(two) / len(scores),
        "assigned": sum(score.assigned for score in scores) / len(scores),
        "assigned_of_two": sum(score.assigned for score in two) / len(two) if two else None,
        "cosine": float(np.mean([score.cosines for score in scores])),
    }


def run(
    photos: Path,
    judge_names: Sequence[str],
    num_pairs: int,
    pictures: int,
    sd: Path,
    config: Path,
    out: Path,
    document: bool = True,
) -> None:
    """Learn, draw and score pairs of unseen people.

    Args:
        photos: LFW: one folder a person.
        judge_names: who scores; at least one that did not condition.
        num_pairs: how many pairs.
        pictures: pictures a pair, over both orders.
        sd: the weights.
        config: the method.
        out: where runs and results go.
        document: write the section of docs/measurements.md too.

    Raises:
        ConfigError: the config cannot be read.
        ValueError: ``out`` holds pictures of other weights or settings; see :func:`choose_pairs` and :func:`draw_pair`.
    """
    judges = [load_judge(name) for name in judge_names]
    for one in judges:
        strangers_percentile(one)
    out = out if Path.cwd() == ROOT else out.absolute()
    made_of = {"weights": fingerprint(sd), "config_says": config_digest(config)}
    claim(out, {"sd": sd.as_posix(), "config": config.as_posix(), **made_of, "pictures": pictures, "seed": SEED})
    results: dict[str, dict[str, Any]] = {}
    for number, pair in enumerate(choose_pairs(photos, read_held_out(), num_pairs), 1):
        folder = out / pair.key
        scripts = Scripts(Stages(folder / "logs", ROOT), sd, config)
        drawn = draw_pair(pair, folder, scripts, judges, pictures // len(PROMPTS))
        results[pair.key] = {one.name: judge_pair(one, pair, drawn) for one in judges}
        print(f"{number} of {num_pairs}, {pair.key}: {results[pair.key]}", flush=True)
    write_json(out / "results.json", results)
    table = summary(results)
    print(table)
    if document:
        replace_section("Pairs of unseen people", section(table, len(results), pictures, sd, config))


def summary(results: dict[str, dict[str, Any]]) -> str:
    """A row per judge with 95 % intervals over the pairs."""
    rows = []
    for name in next(iter(results.values())):
        own = [result[name] for result in results.values()]
        of_two = [one["assigned_of_two"] for one in own if one["assigned_of_two"] is not None]
        rows.append(
            [
                f"`{name}`",
                _percent(bootstrap_mean([one["two_faces"] for one in own])),
                _percent(bootstrap_mean([one["assigned"] for one in own])),
                f"{_percent(bootstrap_mean(of_two))} ({len(of_two)} pairs)" if of_two else "none",
                f"{np.mean([one['cosine'] for one in own]):.3f}",
            ]
        )
    head = ["judge", "both faces found", "both in place", "in place, of pictures with two faces", "cosine"]
    return markdown_table(head, rows)


def section(table: str, num_pairs: int, pictures: int, sd: Path, config: Path) -> str:
    """The text of the section."""
    return f"""
`python -m ldm study pairs` with `{sd.as_posix()}` and `{config.as_posix()}` (seed {SEED}): {num_pairs} disjoint pairs
of people who were held out of all training, each learned from one photo, {pictures} pictures a pair, half of them asked
for in each order. The judges know the people from their *other* photos. In place: who is named first is at the left;
chance is half of the pictures with two faces. Intervals: 95 %, bootstrap over pairs.

{table}
"""


def _percent(interval: Interval) -> str:
    return f"{100 * interval.value:.0f} % ({100 * interval.low:.0f} to {100 * interval.high:.0f})"
