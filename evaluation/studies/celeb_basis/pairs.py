"""Two of the study's people in one picture, drawn with what each learned: both found, each in their place?"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from evaluation.bootstrap import Interval, bootstrap_mean
from evaluation.identity import Judge, Vector
from evaluation.pairs import in_prompt_order, score_pair
from evaluation.studies.celeb_basis.arms import Arm
from evaluation.studies.celeb_basis.cells import SEED, Drawer
from evaluation.studies.celeb_basis.looks import Looker
from evaluation.studies.celeb_basis.results import Known
from ldm.files import write_json
from ldm.runs.draw import DrawSettings, draw_prompt

PROMPTS = ("a photo of {0} and {1}", "a photo of {1} and {0}")
PLACES = ("two_faces", "assigned")


def pairs_of(people: Sequence[str]) -> list[tuple[str, str]]:
    """Disjoint pairs, in order; one left over has nobody."""
    return list(zip(people[::2], people[1::2], strict=False))


def score_pairs(
    looker: Looker, arm: Arm, people: Sequence[str], drawer: Drawer, known: Known, each: int
) -> list[dict[str, float]]:
    """For each pair the shares of pictures with two faces and with each in their place.

    Kept in files, one for each judge; of another number of pictures than is asked for they are made anew.
    """
    found = []
    for pair in pairs_of(people):
        cells = looker.cells
        file = cells.folder / arm.key / "pairs" / f"{'__'.join(pair)}.{looker.judge.name}.json"
        if not file.is_file() or json.loads(file.read_text(encoding="utf-8"))["n"] != each * len(PROMPTS):
            vectors = torch.stack([torch.tensor(cells.read(arm.key, person).tokens) for person in pair])
            references = [known.references[person] for person in pair]
            write_json(file, score_one(vectors, references, drawer, looker.judge, known.undetected, each))
        found.append(json.loads(file.read_text(encoding="utf-8")))
    return found


def score_one(
    vectors: Tensor, references: Sequence[Vector], drawer: Drawer, judge: Judge, undetected: float, each: int
) -> dict[str, float]:
    """Shares of the pictures of two people with token vectors (2, E, D), ``each`` in both orders."""
    pipeline: Any = drawer.pipeline
    words = pipeline.placeholders.strings[:2]
    known = dict(zip(words, references, strict=True))
    pipeline.people = vectors
    settings = DrawSettings(**{**vars(drawer.settings), "num_samples": each, "seed": SEED})
    scores = []
    for form in PROMPTS:
        prompt = form.format(*words)
        first, second = (known[word] for word in in_prompt_order(prompt, words))
        for _, picture in draw_prompt(pipeline, prompt, settings):
            scores.append(score_pair(judge, picture, (first, second), undetected))
    pipeline.people = None
    return {
        "n": len(scores),
        "two_faces": sum(score.two_faces for score in scores) / len(scores),
        "assigned": sum(score.assigned for score in scores) / len(scores),
    }


def summary(found: Sequence[dict[str, float]]) -> dict[str, Interval]:
    """Both shares with their intervals over pairs."""
    return {name: bootstrap_mean([one[name] for one in found]) for name in PLACES}
