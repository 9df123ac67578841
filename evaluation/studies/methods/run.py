"""From photos to cells: what is not done yet is learned, drawn and looked at. Stopped, it goes on where it was."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.identity import require_held_out
from evaluation.judges import load_judge, strangers_percentile
from evaluation.obedience import ObedienceJudge, asked_for
from evaluation.scripts import ROOT
from evaluation.studies.attribute_judge import attribute_judge
from evaluation.studies.document import typed, without_folders
from evaluation.studies.made_of import attributes_by, digest, judged_by
from evaluation.studies.methods.arms import Arm
from evaluation.studies.methods.cells import ASKED, CLASS, SEED, Cells, Eyes, make_cell
from evaluation.studies.methods.learn import Cost, learn
from evaluation.studies.methods.people import Person, align, people_in
from evaluation.studies.methods.results import Result, read_results
from evaluation.studies.names import mean_vector
from evaluation.vision import ClipJudge
from ldm.data.manifest import read_people
from ldm.files import write_json
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.artifacts import read_artifact
from ldm.modules.names import read_names
from ldm.runs.claim import claim
from ldm.runs.train import quiet
from ldm.weights.fingerprint import fingerprint
from ldm.weights.read import celeb_list, read_defaults, read_model


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes:
        photos: of people, several of each.
        judge: of identity; its network took no part in learning.
        celeba: CelebA with its labels, for the judge of prompts; None: prompts are not judged, unless by ``clip``.
        sd: the weights.
        people: how many.
        seeds: of training.
        each: pictures of the plain prompt and of the class.
        asked: pictures of every other prompt.
        drawing_steps: of the sampler.
        out: where cells go.
        document: write the page in docs/studies too.
        clip: a CLIP of transformers that judges prompts instead; None: nobody else does.
        prompts: what is asked for, ``{}`` is the person; empty: ``ASKED``.
    """

    photos: Path
    judge: str
    celeba: Path | None
    sd: Path
    people: int
    seeds: Sequence[int]
    each: int
    asked: int
    drawing_steps: int
    out: Path
    document: bool
    clip: Path | None = None
    prompts: Sequence[str] = ()

    def settings(self) -> dict[str, Any]:
        """What cells depend on. What came later stands in it only where it was given: earlier cells stay valid."""
        given = {"sd": self.sd.as_posix(), "judge": judged_by(self.judge), "each": self.each, "asked": self.asked}
        given |= {"drawing_steps": self.drawing_steps, "seed": SEED, "weights": fingerprint(self.sd)}
        clip = self.clip and f"{self.clip.name} {digest(self.clip)}"
        later = {"attributes": attributes_by(self.celeba), "clip": clip, "prompts": list(self.prompts)}
        return given | {name: value for name, value in later.items() if value}


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        results: arm by arm and look by look.
        cells: where they lie.
        people: who.
        eyes: how it was looked.
        judged: how often the judge of prompts is right, by attribute.
    """

    results: list[Result]
    cells: Cells
    people: list[Person]
    eyes: Eyes
    judged: dict[str, float]

    def obedience(self) -> str:
        """What the column of that name holds."""
        prompts = "; ".join(f'"{prompt}"' for prompt in self.eyes.wanted)
        if isinstance(self.eyes.obeys, ClipJudge):
            return f"cosine of picture and prompt by `{self.eyes.obeys.name}`, for {prompts}, and a second person."
        judged = ", ".join(f"{name} {self.judged[name]:.2f}" for name in sorted(self.judged))
        accuracy = f" (balanced accuracy of the judge: {judged})" if judged else ""
        return f"how likely what {prompts} ask for is seen, and two faces where a second person was{accuracy}."


def run(request: Request, arms: Sequence[Arm]) -> Found:
    """Fill all cells of ``arms``, and read them.

    Raises:
        ValueError: there are not enough people, a judge took part, a prompt says not where the person stands, two shall
            judge prompts, or ``out`` holds cells of other settings.
        FileNotFoundError: the CLIP is not complete.
    """
    quiet()
    clip = clip_of(request)
    people = people_in(request.photos, request.people)
    out = request.out if Path.cwd() == ROOT else request.out.absolute()
    claim(out, request.settings())
    manifest = align(people, out)
    judge = load_judge(request.judge)
    require_held_out([judge], {record.encoder for record in read_people(manifest)})
    sees = attribute_judge(request.celeba) if request.celeba else None
    model = LatentDiffusion(request.sd).eval()
    eyes = Eyes(
        judge,
        ObedienceJudge(sees) if sees else clip,
        strangers_percentile(judge, model.sample_size_px),
        somebody(request.sd),
        request.each,
        request.asked,
        request.drawing_steps,
        request.prompts or ASKED,
    )
    before = eyes.draw(model, "sks person")[CLASS]
    cells = Cells(out / "cells")
    for arm in arms:
        for place, person in enumerate(people):
            for seed in request.seeds if arm.config is not None else request.seeds[:1]:
                _fill(arm, person, place, seed, manifest, request.sd, eyes, before, cells)
    names = [person.name for person in people]
    accuracy = dict(sees.accuracy) if sees else {}
    return Found(read_results(cells, arms, names, request.seeds), cells, people, eyes, accuracy)


def command_of(name: str, request: Request, more: Mapping[str, object]) -> str:
    """The command that gives the same numbers, without the places of this machine; ``more``: options of this study."""
    given: dict[str, object] = {
        "photos": "PHOTOS",
        "judge": without_folders(request.judge),
        "celeba": request.celeba and "CELEBA",
    }
    given |= {"clip": request.clip and "CLIP", "prompt": list(request.prompts), "people": request.people}
    given |= {"seeds": len(request.seeds), **more, "each": request.each, "asked": request.asked}
    return " ".join(["python -m ldm study", name, *typed({**given, "drawing_steps": request.drawing_steps})])


def seeds_of(request: Request) -> str:
    """How many seeds, in words."""
    return f"{len(request.seeds)} seeds of training" if len(request.seeds) > 1 else "one seed of training"


def clip_of(request: Request) -> ClipJudge | None:
    """The CLIP that judges prompts, if one was given; and whether these prompts can be drawn and judged.

    Raises:
        ValueError: see :func:`run`.
        FileNotFoundError: the folder is not complete.
    """
    for prompt in request.prompts:
        if prompt.count("{}") != 1 or prompt.count("{") + prompt.count("}") != 2:
            raise ValueError(
                f"--prompt {prompt!r}: write {{}} once, where the person stands: 'a photo of {{}} by the sea'"
            )
        if request.celeba and not asked_for(prompt):
            raise ValueError(
                f"--prompt {prompt!r} asks for nothing that a judge by CelebA's labels sees: give --clip FOLDER "
                "instead of --celeba"
            )
    if request.clip is None:
        return None
    if request.celeba:
        raise ValueError("--clip and --celeba both judge prompts: give one of them")
    return ClipJudge(request.clip)


def somebody(sd: Path) -> str | None:
    """The first name of two words that the model in ``sd`` is said to know; None where it has no list of names."""
    try:
        names = read_names(celeb_list(sd, read_defaults(sd)))
    except OSError:
        return None
    return next((name for name in names if len(name.split()) == 2), None)


def _fill(
    arm: Arm,
    person: Person,
    place: int,
    seed: int,
    manifest: Path,
    sd: Path,
    eyes: Eyes,
    before: Sequence[Image.Image],
    cells: Cells,
) -> None:
    """Learn one person in one arm with one seed, unless all its looks are there."""
    if all(cells.file(arm.key, person.name, seed, steps).is_file() for steps in arm.looks):
        return
    print(f"{arm.key}: {person.name}, seed {seed}", flush=True)
    reference = mean_vector(eyes.judge, person.known)

    def look(model: Any, steps: int, cost: Cost) -> None:
        drawn = eyes.draw(model, arm.word)
        seen = eyes.look(drawn, arm.word, reference, before)
        cells.write(make_cell(person.name, arm.key, seed, steps, cost, seen), drawn)
        weigh(arm, model, steps, cells.folder)

    learn(arm, manifest.with_suffix("") / person.name, manifest, place, seed, sd, look)


def weigh(arm: Arm, model: Any, steps: int, folder: Path) -> None:
    """Keep, once an arm, how large its files are and how long they take to be read: ``<arm>/files.json``."""
    kept = Cells(folder).file(arm.key, "", 0, 0).with_name("files.json")
    if arm.config is None or steps != arm.looks[-1] or kept.is_file():
        return
    written = kept.parent / "files"
    files = [path for path in model.export(written, steps - 1) if path.suffix != ".pt"]
    began = time.process_time()
    if artifacts := [read_artifact(path) for path in files if "_gs-" in path.name]:
        model.personalization.load(artifacts)
    networks = next(written.glob("model_gs-*"), None)
    if networks is not None:
        read_model(networks)
    seconds = time.process_time() - began
    size = sum(path.stat().st_size for path in files)
    shutil.rmtree(written)
    write_json(kept, {"bytes": size, "files": len(files), "load_s": round(seconds, 3)})
