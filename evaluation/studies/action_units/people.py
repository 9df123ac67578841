"""Unseen people, each learned on the celeb basis from one photo, as words that any run's prompts can use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.studies.celeb_basis.arms import OURS_ARM
from evaluation.studies.celeb_basis.learn import Learner
from evaluation.studies.celeb_basis.people import align, choose_subjects
from evaluation.studies.celeb_basis.study import groups
from evaluation.studies.made_of import config_digest
from evaluation.subjects import Subject
from ldm.data.manifest import read_people
from ldm.runs.claim import claim
from ldm.weights.fingerprint import fingerprint
from ldm.weights.textual_inversion import token_of, write_diffusers


@dataclass(frozen=True)
class Learned:
    """People as words.

    Attributes:
        embeddings: a file each.
        prompts: one each.
        photos: a folder with a sub-folder of each one's other photos, called like the word.
    """

    embeddings: list[Path]
    prompts: list[str]
    photos: Path


def learn_people(lfw: Path, sd: Path, count: int, per_run: int, steps: int | None, out: Path) -> Learned:
    """``count`` of the people held out of the embedded model's training, as far as they are not learned yet.

    Args:
        lfw: one folder a person.
        sd: the weights.
        count: how many people.
        per_run: how many are learned together.
        steps: of a run; None is what the config says.
        out: where everything goes.

    Raises:
        ValueError: there are not that many people, or those in ``out`` were learned on other weights or otherwise.
    """
    made_of = {"weights": fingerprint(sd), "config": config_digest(OURS_ARM.config)}
    claim(out, {**made_of, "per_run": per_run, "steps": steps})
    subjects = choose_subjects(lfw, count)
    files = {one.name: out / "embeddings" / f"{one.name}.safetensors" for one in subjects}
    missing = [one.name for one in subjects if not files[one.name].is_file()]
    if missing:
        manifest = align(subjects, out)
        learner = Learner(sd, manifest, sorted({record.person for record in read_people(manifest)}))
        for group in groups(missing, per_run):
            learned = learner.learn(OURS_ARM, group, steps)
            for name, vectors in zip(group, learned.vectors, strict=True):
                files[name].parent.mkdir(parents=True, exist_ok=True)
                write_diffusers(files[name], token_of(name), vectors.contiguous(), {"learned": "celeb basis"})
            print(f"learned {', '.join(group)}", flush=True)
    _link_others(subjects, out / "others")
    prompts = [f"a photo of {token_of(one.name)}" for one in subjects]
    return Learned([files[one.name] for one in subjects], prompts, out / "others")


def _link_others(subjects: Sequence[Subject], folder: Path) -> None:
    for subject in subjects:
        for photo in subject.others:
            link = folder / subject.name / photo.name
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(photo.resolve())
