"""``python -m ldm study action_units``: from photos to docs/studies/action_units.md, in stages that are done once."""

import json
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.scripts import ROOT
from evaluation.stages import StageError, Stages
from evaluation.studies.action_units import document
from evaluation.studies.action_units.data import FACES, TRUTH, crop_faces, name_table, split_table
from evaluation.studies.action_units.people import Learned, learn_people
from evaluation.studies.action_units.plan import Order, Plan, command_of
from evaluation.studies.action_units.readers import read_thresholds
from evaluation.studies.action_units.run import Request, evaluate
from ldm.commands.generate_options import AddOns, How, Who
from ldm.data.sources import celeba, lfw
from ldm.modules.names import read_names
from ldm.runs.aligned_folder import sha256_of
from ldm.runs.claim import claim
from ldm.weights.fingerprint import fingerprint
from ldm.weights.read import celeb_list, read_defaults

CONFIGS = Path("configs/stable-diffusion")
UNITS = "model.params.personalization_config.params.parts.1.params.units"
CAPTION_UNITS = (12, 25, 4, 1, 26, 43)
"""Those that captions say, the judged ones first: of all of a face a short text encoder has no room for."""
PROMPT = "a photo of a face"
PERSON_UNITS = (12, 25)
"""What people are asked for: the units that people's labels judge."""
STYLE_RATE = 1.0e-5
"""Times the batch size: what configs/stable-diffusion/style.yaml has for the embedded model."""


def run(order: Order, plan: Plan) -> None:
    """All stages.

    Raises:
        StageError: a command failed; the message ends with its last lines.
        ValueError: ``out`` was made on other weights.
    """
    places = {key: getattr(order, key).absolute() for key in ("celeba", "lfw", "landmarker", "out")}
    order = replace(order, **places)
    out = order.out
    known = celeb_list(order.sd, read_defaults(order.sd))
    own = {"weights": fingerprint(order.sd), "lfw": order.with_lfw, "batch_size": plan.batch_size}
    claim(out, {**own, "names": sha256_of(known)[:16]})
    stages = Stages(out / "logs", ROOT)
    data = prepare(order, out / "data", stages)
    told = sorted(read_thresholds(data / "labels.thresholds.json"))
    names = name_table(data / "train", read_names(known), data / "names.csv")
    quiet = [
        f"{UNITS}={told}".replace(" ", ""),
        f"data.params.train.params.names={names}",
        "lightning.callbacks.au_previews.params.disabled=true",
    ]
    vector = train(order, plan, data / "train", stages, "au_vector", plan.vector_steps, quiet)
    more = [
        f"model.base_learning_rate={STYLE_RATE}",
        f"data.params.train.params.instance_prompt={PROMPT},[filewords]",
        "data.params.train.params.long_captions=shorten",
        "lightning.callbacks.previews.params.disabled=true",
    ]
    style = train(order, plan, data / "captions", stages, "au_style", plan.style_steps, more)
    asked = requests(order, plan, data, vector, style)
    found = {arm: evaluate(request)[0] for arm, request in asked.items()}
    people = learn_people(order.lfw, order.sd, plan.people, plan.per_run, plan.person_steps, out / "people")
    weights: list[float | None] = [*plan.person_au_guidance] or [plan.au_guidance]
    for weight in weights:
        arm = document.PEOPLE + (f", weight {weight:g}" if len(weights) > 1 else "")
        asked[arm] = with_people(_request(order, plan, data, Who(vector), document.PEOPLE, weight), order, people)
        found[arm] = evaluate(asked[arm])[0]
    drawn = {arm: request.out for arm, request in asked.items()}
    facts = document.Facts(order.sd.as_posix(), command_of(order, plan), out, vars(plan), found, drawn)
    print(document.gates(facts))
    if order.document:
        print(f"wrote {document.write(facts)}")


def prepare(order: Order, data: Path, stages: Stages) -> Path:
    """Faces cropped, labelled and split by person: ``train`` and ``test`` in ``data``, folders to train on."""
    labels = data / "labels.csv"
    sources = [*celeba(order.celeba), *(lfw(order.lfw) if order.with_lfw else [])]
    _once(data / TRUTH, lambda: print(f"{crop_faces(sources, data)} faces cropped", flush=True))
    words: list[str | Path] = ["label", "au", data / FACES, labels, "--landmarker", order.landmarker]
    words += ["--truth", data / TRUTH]
    _once(labels, lambda: _tolerant(stages, "label", words, labels))
    _once(data / "test.csv", lambda: print(*split_table(labels, data), flush=True))
    for part, folder in (("train", data / "train"), ("test", data / "test"), ("train", data / "captions")):
        table = data / f"{part}.csv"
        words = ["prepare", "au", "--source", "csv", table, folder, "--pictures", data / FACES, "--mode", "code"]
        words += ["--units", ",".join(map(str, CAPTION_UNITS))] if folder.name == "captions" else []
        made = folder / "report.json"
        _once(made, lambda w=words, m=made: _tolerant(stages, "prepare", w, m))  # type: ignore[misc]
    return data


def _once(made: Path, work: Callable[[], object]) -> None:
    """Do ``work``, unless ``made``, the last thing it leaves, is there."""
    if not made.exists():
        work()


def _tolerant(stages: Stages, stage: str, words: Sequence[str | Path], made: Path) -> None:
    """Run a command of ours whose exit code is 1 where some pictures failed; ``made`` says that it came to its end."""
    try:
        stages.run(stage, [sys.executable, "-m", "ldm", *words])
    except StageError:
        if not made.is_file():
            raise


def train(order: Order, plan: Plan, folder: Path, stages: Stages, name: str, steps: int, more: Sequence[str]) -> Path:
    """The run of a config of ours; one that is there is taken, or gone on with.

    Raises:
        StageError: training failed.
    """
    logs = order.out / "runs"
    there = sorted(logs.glob(f"*_{name}-{steps}"))
    for one in there:
        if any((one / "checkpoints").glob(f"*_gs-{steps - 1}*")):
            return one
    if there and (there[-1] / "checkpoints" / "last.ckpt").is_file():
        stages.run(f"train-{name}", [sys.executable, "main.py", "-r", there[-1], "-t"])
        return there[-1]
    save = max(1, steps // 4)
    command: list[str | Path] = [
        sys.executable, "main.py", "--base", CONFIGS / f"{name}.yaml", "-t", "-n", f"{name}-{steps}", "-l", logs,
        "--actual_resume", order.sd.absolute(), "--data_root", folder,
        f"data.params.batch_size={plan.batch_size}", "data.params.num_workers=0",
        f"lightning.trainer.max_steps={steps}", f"lightning.modelcheckpoint.params.every_n_train_steps={save}", *more,
    ]  # fmt: skip
    stages.run(f"train-{name}", command)
    return max(logs.glob(f"*_{name}-{steps}"))


def requests(order: Order, plan: Plan, data: Path, vector: Path, style: Path) -> dict[str, Request]:
    """What is measured: the vector, the same told nothing, captions, and the weights before any training."""
    plain = _request(order, plan, data, Who(None, order.sd), "untrained")
    blind = _request(order, plan, data, Who(vector), "blind", plan.au_guidance)
    said = [unit for unit in CAPTION_UNITS if unit in (plan.units or CAPTION_UNITS)]
    return {
        "vector": replace(_request(order, plan, data, Who(vector), "vector", plan.au_guidance), judge=order.judge),
        "blind": replace(blind, units=PERSON_UNITS, real=None, ceilings=False, blind=True),
        "captions": replace(
            _request(order, plan, data, Who(style), "captions"), judge=order.judge, words="code", units=said
        ),
        "untrained": replace(plain, units=PERSON_UNITS, real=None, ceilings=False),
    }


def with_people(request: Request, order: Order, people: Learned) -> Request:
    """The same of people who were learned: two units, told by what a face without a name does; who they are, by their
    other photos.
    """
    return replace(
        request,
        units=PERSON_UNITS,
        prompts=people.prompts,
        photos=people.photos,
        judge=order.judge,
        real=None,
        ceilings=False,
        add_ons=AddOns(embedding=people.embeddings),
        au_prompt=PROMPT,
    )


def _request(order: Order, plan: Plan, data: Path, who: Who, name: str, weight: float | None = None) -> Request:
    told: list[Any] = [name, str(who.run.name if who.run else who.sd), plan.drawing_steps, weight, plan.people]
    told += [PROMPT] if name == document.PEOPLE else []
    return Request(
        who=who,
        landmarker=order.landmarker,
        thresholds=data / "labels.thresholds.json",
        out=data.parent / "measured" / f"{name}-{zlib.crc32(json.dumps(told).encode()):08x}",
        how=How(
            plan.person_noises if name == document.PEOPLE else plan.noises, steps=plan.drawing_steps, batch_size=16
        ),
        units=plan.units,
        real=data / "test",
        max_real=plan.real,
        celeba=order.celeba,
        au_guidance=weight,
    )
