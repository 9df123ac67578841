"""``python -m ldm study synthetic_gain``: draw, train, compare; what is there from an earlier call is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evaluation.attributes import CROP_PX
from evaluation.studies.action_units.data import require_unseen
from evaluation.studies.action_units.document import put_section
from evaluation.studies.action_units.requests import RealFace, Speech, as_real, real_faces
from evaluation.studies.action_units.run import trained_on
from evaluation.studies.made_of import run_files
from evaluation.studies.synthetic_gain.arms import ARMS, Arm, Told
from evaluation.studies.synthetic_gain.page import Found, section
from evaluation.studies.synthetic_gain.recogniser import Faces, read_faces, tell, train, with_truth
from ldm.commands.bars import bar
from ldm.commands.drawing_models import drawers
from ldm.commands.drawing_settings import settings_for
from ldm.commands.generate_options import AddOns, How, What, Who
from ldm.data.action_units.captions import CaptionMode
from ldm.data.au_pictures import TABLE
from ldm.files import atomic_path, write_json
from ldm.runs.aligned_folder import sha256_of
from ldm.runs.claim import claim
from ldm.runs.draw import pipeline_of
from ldm.runs.draw_au import draw_requests
from ldm.weights.fingerprint import fingerprint

TITLE = "Synthetic faces as training data"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Request:
    """What a user asked for; see the options of the command."""

    who: Who
    train: Path
    test: Path
    out: Path
    truth: Path | None = None
    units: Sequence[int] = ()
    num_real: int = 500
    num_synthetic: int = 500
    steps: int = 400
    seeds: Sequence[int] = (23, 24, 25)
    prompts: Sequence[str] = ("a photo of a face",)
    words: CaptionMode = "sentence"
    drawing_steps: int | None = None
    document: bool = True


def run(request: Request) -> None:
    """Everything, and the section of docs/studies/action_units.md.

    Raises:
        AuDataError: people of the test part were trained on, by the generator or as real pictures.
        ValueError: ``out`` holds cells of other settings, or there are too few pictures.
    """
    require_unseen([request.train, *trained_on(request.who)], request.test)
    units = units_in(request)
    settings = {
        "run": str(request.who.run or request.who.sd), "train": str(request.train), "test": str(request.test),
        "truth": str(request.truth), "units": units, "real": request.num_real, "synthetic": request.num_synthetic,
        "steps": request.steps, "prompts": list(request.prompts), "words": request.words,
        "drawing_steps": request.drawing_steps,
    }  # fmt: skip
    everybody, tested = _faces(request, request.train, units), _faces(request, request.test, units)
    if len(everybody) < request.num_real:
        raise ValueError(f"{request.train} has {len(everybody)} pictures, {request.num_real} real ones are wanted")
    synthetic = draw(request, units, everybody, settings)
    with bar("open", len(everybody) + len(tested)) as advance:
        real, test = (read_faces(own, units, CROP_PX, advance) for own in (everybody, tested))
    told = {arm.key: Told({s: _cell(request, arm, s, real, synthetic, test) for s in request.seeds}) for arm in ARMS}
    found = Found(told, test, units, request.truth is not None)
    text = section(found, intro(request, test, units))
    print(text)
    write_json(request.out / "results.json", found.numbers)
    if request.document:
        put_section(TITLE, text)


def units_in(request: Request) -> list[int]:
    """The units that are told apart: those wanted, or all that the training pictures have.

    Raises:
        FileNotFoundError: a folder was not prepared.
        ValueError: a unit is not labelled.
    """
    tables = [request.train / TABLE, request.test / TABLE]
    if missing := [table for table in tables if not table.is_file()]:
        raise FileNotFoundError(f"there is no {missing[0]}: make the folder with `python -m ldm prepare au`")
    both = [set(np.load(table)["units"].tolist()) for table in tables]
    known = sorted(both[0] & both[1])
    if unknown := [unit for unit in request.units if unit not in known]:
        raise ValueError(f"AU{unknown[0]} is not labelled in both folders; there are {', '.join(map(str, known))}")
    return list(request.units) or known


def _faces(request: Request, folder: Path, units: Sequence[int]) -> list[RealFace]:
    faces = real_faces(folder, units)
    return faces if request.truth is None else with_truth(faces, folder, request.truth)


def draw(request: Request, units: Sequence[int], everybody: Sequence[RealFace], settings: Mapping[str, Any]) -> Faces:
    """Drawn faces that do what real training faces do; the folder is claimed for ``settings``, the model and labels.

    What a face is asked to do is its label; nobody looks at whether it does.
    """
    drawer = next(drawers(request.who, AddOns(), []))
    model = {"weights": fingerprint(drawer.model.weights_folder), "files": run_files(request.who.run)}
    tables = [request.train / TABLE, request.test / TABLE, *([request.truth] if request.truth else [])]
    claim(request.out, {**settings, **model, "labels": [sha256_of(table)[:16] for table in tables]})
    speech = Speech.of(drawer.model, request.words)
    order = np.random.default_rng(42).choice(
        len(everybody), request.num_synthetic, len(everybody) < request.num_synthetic
    )
    chosen = [everybody[place] for place in order.tolist()]
    if speech.mode is None:  # what a vector cannot tell is asked of nobody
        own = speech.units
        chosen = [RealFace(f.path, f.person, _only(f.asked, own), _only(f.present, own)) for f in chosen]
    wanted = as_real(speech, request.prompts, chosen)
    how = settings_for(drawer.model, How(steps=request.drawing_steps, batch_size=16), What())
    pipeline = pipeline_of(drawer.model, drawer.people, how.sampler)
    with bar("draw", len(wanted)) as advance:
        requests = [one.request for one in wanted]
        paths = draw_requests(pipeline, requests, how, request.out / "synthetic", None, advance)
    drawn = [RealFace(path, face.person, {}, face.present) for path, face in zip(paths, chosen, strict=True)]
    return read_faces(drawn, units, CROP_PX, lambda count: None)


def _only(values: Mapping[int, Value], units: Sequence[int]) -> dict[int, Value]:
    return {unit: value for unit, value in values.items() if unit in units}


def _cell(request: Request, arm: Arm, seed: int, real: Faces, synthetic: Faces, test: Faces) -> np.ndarray:
    """(N, U) logits of the test pictures by one recogniser; trained if it was not."""
    file = request.out / "cells" / f"{arm.key}-{seed}.npy"
    if not file.is_file():
        own = real.take(np.random.default_rng(seed).permutation(len(real))[: request.num_real])
        with bar(f"train {arm.title}, seed {seed}", request.steps) as advance:
            net = train(arm.faces(own, synthetic), request.steps, seed, arm.vary, advance=advance)
        with atomic_path(file) as temporary, temporary.open("wb") as opened:
            np.save(opened, tell(net, test))
    return np.asarray(np.load(file))


def intro(request: Request, test: Faces, units: Sequence[int]) -> str:
    """What was done, in words."""
    model = (request.who.run or request.who.sd or Path()).resolve().name
    people = len(set(test.people.tolist()))
    return f"""`python -m ldm study synthetic_gain`: a small network that tells {len(units)} action units, trained on
{request.num_real} real faces, on {request.num_synthetic} faces drawn by `{model}`, or on both: {request.steps} steps
of 64 in every arm, {len(request.seeds)} seeds of the network and of the choice of real faces. Tested on {len(test)}
real pictures of {people} people who are in no training, of the generator's neither. A drawn face's label is what was
asked for, whether it obeyed or not."""
