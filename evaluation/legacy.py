"""CelebBasis's own protocol of scoring, so that its published numbers can be set beside ours; its biases are named.

Source: Yuan et al. 2023, "Inserting Anybody in Diffusion Models via Celeb Basis", and its evaluation code. It is kept
for comparison only: nothing else here calls it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from evaluation.identity import Judge, Vector
from evaluation.report import Table
from evaluation.scores import PromptJudge

BIASES = (
    "Only pictures with a detected face count for identity: a method that often draws no face looks better.",
    "Prompts whose mean identity is not above 0 are left out of the average: the worst prompts do not count.",
    "The reference photo is counted as one more detected picture for every prompt.",
    "Only the first face is looked at, and it is compared with the first person, in prompts of two people too.",
    "Before a prompt is scored sks is taken out of it, without a noun in its place; ks stays in it.",
    "Identity is compared with the very photo that the model was given: copying it is the best answer.",
    "The published networks (SphereFace-20, CLIP ViT-B/32) are not here: others have other scales.",
)
"""What to know before a number of this protocol is believed."""

PUBLISHED = {
    "Textual Inversion": (0.2958, 0.1635),
    "DreamBooth": (0.0512, 0.2003),
    "Custom Diffusion": (0.1385, 0.2632),
    "Celeb Basis": (0.2072, 0.2545),
}
"""Method -> mean identity and prompt score over four classes of prompts, by the paper's own data file."""

NOT_ABOVE = 1e-6


@dataclass(frozen=True)
class LegacyPrompt:
    """Pictures of one prompt and one reference.

    Attributes:
        prompt: with placeholders.
        pictures: what was drawn.
        photo: the reference.
    """

    prompt: str
    pictures: Sequence[Image.Image]
    photo: Image.Image


@dataclass(frozen=True)
class LegacyScore:
    """What the protocol finds for one prompt and one reference; None where it averages nothing."""

    identity: float | None
    prompt: float | None
    detected: int
    looked_at: int


def legacy_score(judge: Judge, one: LegacyPrompt, prompt_judge: PromptJudge | None) -> LegacyScore:
    """Identity over detected faces, prompt score over all, and detections with the reference counted among them."""
    reference = judge.vector(one.photo)
    faces = judge.vectors(one.pictures)
    seen: list[Vector] = [face for face in faces if face is not None]
    identity = None if reference is None or not seen else float(np.mean([reference @ face for face in seen]))
    text = one.prompt.replace("sks", "")
    scored = prompt_judge.scores(one.pictures, [text] * len(one.pictures)) if prompt_judge else []
    known = [score for score in scored if score is not None]
    detected = len(seen) + (reference is not None)
    return LegacyScore(identity, float(np.mean(known)) if known else None, detected, len(faces) + 1)


def legacy_averages(scores: Sequence[LegacyScore]) -> Mapping[str, float | None]:
    """identity and prompt, unweighted over prompts as published, and the rate of detection; None: there is none."""
    kept = [s.identity for s in scores if s.identity is not None and s.identity > NOT_ABOVE]
    prompts = [s.prompt for s in scores if s.prompt is not None]
    looked = sum(s.looked_at for s in scores)
    return {
        "identity": float(np.mean(kept)) if kept else None,
        "prompt": float(np.mean(prompts)) if prompts else None,
        "detection": sum(s.detected for s in scores) / looked if looked else None,
        "prompts left out": float(len(scores) - len(kept)),
    }


def legacy_table(judge: Judge, found: Mapping[str, float | None]) -> Table:
    """Our run beside the published numbers."""
    ours = [
        f"this run, by {judge.name}",
        found["identity"],
        found["prompt"],
        found["detection"],
        found["prompts left out"],
    ]
    published = [[f"{method}, as published", *numbers, None, None] for method, numbers in PUBLISHED.items()]
    columns = ["method", "identity", "prompt", "detection", "prompts left out"]
    note = "CelebBasis's protocol. Networks differ from the published ones, so only orders compare."
    return Table("Legacy protocol", columns, [ours, *published], note)
