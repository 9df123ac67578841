"""Identity scores of a folder of generated pictures, prompt by prompt."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.bootstrap import bootstrap_mean
from evaluation.identity import Judge, Vector, identity_scores
from evaluation.pairs import assigned_cosines, score_pair, summarize
from evaluation.samples import Sample
from evaluation.task_prompts import named_in


def score_prompts(
    judge: Judge, samples: Sequence[Sample], references: Mapping[str, Vector], undetected: float
) -> list[dict[str, Any]]:
    """A row per prompt that names somebody of ``references``, training step and choice of people.

    Args:
        judge: who looks.
        samples: the pictures.
        references: the judge's vectors of the people's photos, by placeholder.
        undetected: what a picture without a face counts as.

    Returns:
        prompt, step, chosen (such as "sks=0"), people, n, detected (pictures with a face), identity and its 95 %
        interval over the pictures (several people: mean over them, faces given to people by the best assignment); for
        two people two_faces and assigned.

    Raises:
        ValueError: no prompt names anybody of ``references``.
    """
    rows: list[dict[str, Any]] = []
    groups: dict[tuple[str, int | None, tuple[str, ...]], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.prompt, sample.step, sample.people), []).append(sample)
    for (prompt, step, chosen), drawn in groups.items():
        people = named_in(prompt, list(references))
        if people:
            rows.append({"prompt": prompt, "step": step, "chosen": list(chosen), "people": people, "n": len(drawn)})
            rows[-1] |= _scores(judge, drawn, [references[word] for word in people], undetected)
    if not rows:
        raise ValueError(f"no prompt names {' or '.join(references)}: nothing to score")
    return rows


def _scores(judge: Judge, drawn: Sequence[Sample], vectors: Sequence[Vector], undetected: float) -> dict[str, Any]:
    """detected, identity, low, high, and for two people two_faces and assigned."""
    images = [sample.open() for sample in drawn]
    if len(vectors) == 1:
        scores = identity_scores(judge, vectors[0], images, undetected)
        return {"detected": scores.detected} | _interval(scores.values.tolist())
    if len(vectors) == 2:
        pairs = [score_pair(judge, image, (vectors[0], vectors[1]), undetected) for image in images]
        counts = summarize(pairs)
        return {
            "detected": sum(pair.num_faces > 0 for pair in pairs),
            **_interval([float(pair.cosines.mean()) for pair in pairs]),
            "two_faces": counts.two_faces,
            "assigned": counts.assigned,
        }
    faces = [judge.faces(image) for image in images]
    cosines = [float(np.mean(assigned_cosines(seen, vectors, undetected))) for seen in faces]
    return {"detected": sum(bool(seen) for seen in faces)} | _interval(cosines)


def _interval(values: list[float]) -> dict[str, float]:
    found = bootstrap_mean(values)
    return {"identity": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}
