"""``python -m ldm evaluate au``: draw what is asked for, read it, and write what came out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from evaluation.judges import RememberingDetector, load_judge, strangers_percentile
from evaluation.report import Report, write_report
from evaluation.studies.action_units.ceiling import Ceiling, ceilings, labelled_by_people, through
from evaluation.studies.action_units.data import require_unseen
from evaluation.studies.action_units.identity import Likeness, likeness, photos_of
from evaluation.studies.action_units.kept import Kept
from evaluation.studies.action_units.pages import Found, report
from evaluation.studies.action_units.readers import (
    BY_PEOPLE,
    Blendshapes,
    PeoplesLabels,
    Reader,
    read_pictures,
    read_thresholds,
)
from evaluation.studies.action_units.requests import RealFace, Speech, Wanted, as_real, real_faces, sweeps
from evaluation.studies.action_units.results import faces_found, gates, unit_results
from evaluation.studies.attribute_judge import attribute_judge
from evaluation.studies.made_of import attributes_by, judged_by, run_files
from ldm.commands.bars import bar
from ldm.commands.drawing_au import mover_of
from ldm.commands.drawing_models import Drawer, drawers
from ldm.commands.drawing_settings import settings_for
from ldm.commands.generate_options import ActionUnits, AddOns, How, What, Who
from ldm.data.action_units.captions import CaptionMode
from ldm.faces.backend import load_backend
from ldm.faces.blendshapes import FaceLandmarker
from ldm.faces.photos import read_photo
from ldm.runs.aligned_folder import sha256_of
from ldm.runs.claim import claim
from ldm.runs.draw import pipeline_of
from ldm.runs.draw_au import draw_requests
from ldm.runs.load import find_run
from ldm.weights.fingerprint import fingerprint

LEVELS, LEVELS_IN_WORDS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (0.0, 3.0)


@dataclass(frozen=True)
class Request:
    """What a user asked for; see the options of the command."""

    who: Who
    landmarker: Path
    thresholds: Path
    out: Path
    add_ons: AddOns = field(default_factory=AddOns)
    how: How = field(default_factory=lambda: How(n=8, batch_size=16))
    prompts: Sequence[str] = ("a photo of a face",)
    units: Sequence[int] = ()
    levels: Sequence[float] = ()
    words: CaptionMode = "sentence"
    others: Literal["untold", "absent"] = "untold"
    au_guidance: float | None = None
    au_prompt: str | None = None
    blind: bool = False
    real: Path | None = None
    max_real: int = 300
    celeba: Path | None = None
    judge: str | None = None
    photos: Path | None = None
    ceilings: bool = True


def evaluate(request: Request) -> tuple[Report, Path]:
    """The report and its page.

    Raises:
        ValueError: the model or the thresholds do not have a unit, or ``out`` holds pictures of other settings, or
            what other readers said of them.
        FileNotFoundError: a file is missing.
        AuDataError: people of ``real`` were trained on.
    """
    readers, thresholds = _readers(request)
    if request.real is not None:
        require_unseen(trained_on(request.who), request.real)
    drawer = next(drawers(request.who, request.add_ons, []))
    speech = Speech.of(drawer.model, request.words, request.others, request.blind)
    mover = mover_of(drawer.model, ActionUnits(au_guidance=request.au_guidance, au_prompt=request.au_prompt))
    units = units_of(request.units, speech, sorted(thresholds))
    faces = [] if request.real is None else real_faces(request.real, units, request.max_real)
    seeds = range(request.how.seed, request.how.seed + request.how.n)
    asked = sweeps(speech, request.prompts, units, levels_of(request.levels, speech), seeds)
    wanted = [*asked, *as_real(speech, request.prompts, faces)]
    settings = _draw(request, drawer, speech, wanted, mover)
    kept = Kept(request.out / "readings.jsonl")
    files = [one.request.file for one in wanted]
    readings = read_pictures(readers, files, lambda file: read_photo(request.out / file), kept)
    found = Found(
        name_of(request.who),
        unit_results(wanted, readings, readers, units),
        _ceilings(request, drawer.model, readers, faces) if request.ceilings else [],
        _likeness(request, asked, int(drawer.model.sample_size_px)),
        [],
        faces_found(readings),
        asked,
        request.out,
        settings,
        _notices(request, speech),
    )
    made = report(replace(found, gates=gates(found.results, speech.mode is None)))
    return made, write_report(request.out, made)


def _readers(request: Request) -> tuple[list[Reader], Sequence[int]]:
    """Who reads, independent ones first; and the units that have thresholds. A face is looked for once a picture."""
    thresholds = read_thresholds(request.thresholds)
    faces = load_backend("yunet-sface")
    faces = replace(faces, detector=RememberingDetector(faces.detector))
    readers: list[Reader] = [Blendshapes(FaceLandmarker(request.landmarker), faces, thresholds)]
    if request.celeba is not None:
        judge = attribute_judge(request.celeba, names=tuple(BY_PEOPLE.values()))
        readers.insert(0, PeoplesLabels(replace(judge, detector=faces.detector)))
    return readers, list(thresholds)


def units_of(wanted: Sequence[int], speech: Speech, measured: Sequence[int]) -> list[int]:
    """The units that are asked for: those wanted, or all that can be told and measured.

    Raises:
        ValueError: one cannot be told or measured, or none can.
    """
    told = set(speech.units) if speech.mode is None else set(measured)
    if deaf := [unit for unit in wanted if unit not in told]:
        raise ValueError(f"AU{deaf[0]}: this model is told of the action units {', '.join(map(str, sorted(told)))}")
    if blind := [unit for unit in wanted if unit not in measured]:
        raise ValueError(f"AU{blind[0]} is not measured: --thresholds has {', '.join(map(str, measured))}")
    found = list(wanted) or [unit for unit in measured if unit in told]
    if not found:
        raise ValueError(
            f"the model is told of the units {', '.join(map(str, sorted(told)))}, --thresholds measures "
            f"{', '.join(map(str, measured))}: they have none in common"
        )
    return found


def levels_of(wanted: Sequence[float], speech: Speech) -> list[float]:
    """Levels of a sweep, from low to high; words without degrees have two.

    Raises:
        ValueError: fewer than two, none of them 0, or one outside 0 to 5.
    """
    levels = sorted(set(wanted)) or list(LEVELS if speech.graded else LEVELS_IN_WORDS)
    if len(levels) < 2 or levels[0] != 0 or levels[-1] > 5:
        raise ValueError(
            f"--levels {','.join(f'{x:g}' for x in levels)}: a sweep goes from 0 up to at most 5, like 0,3,5"
        )
    if levels[-1] < 2:
        raise ValueError(f"--levels ends at {levels[-1]:g}: a unit counts as present from 2 on, so none would be")
    return levels


def _draw(
    request: Request, drawer: Drawer, speech: Speech, wanted: Sequence[Wanted], mover: str | None
) -> dict[str, Any]:
    """Draw what is not there yet; what must be known to draw it again."""
    settings = settings_for(drawer.model, request.how, What())
    drawing = {name: value for name, value in asdict(settings).items() if name not in ("num_samples", "batch_size")}
    facts = {
        **{key: value for key, value in drawer.facts.items() if key != "model"},
        "weights": fingerprint(drawer.model.weights_folder),
        "files": run_files(request.who.run, drawer.facts.get("step")),
        "landmarker": sha256_of(request.landmarker)[:16],
        "thresholds": sha256_of(request.thresholds)[:16],
        "prompts": list(request.prompts),
        "told": "by a vector" if speech.mode is None else f"in words, {speech.mode}",
        "others": request.others,
        "au_guidance": request.au_guidance,
        "blind": request.blind,
        **({"au_prompt": request.au_prompt} if mover else {}),
        **drawing,
    }
    claim(request.out, facts)
    if request.celeba is not None:  # may be given later: what others read of the pictures stays
        claim(request.out, {"attributes": attributes_by(request.celeba, tuple(BY_PEOPLE.values()))}, "attributes.json")
    pipeline = pipeline_of(drawer.model, drawer.people, settings.sampler)
    pipeline.mover = mover
    with bar("draw", len(wanted)) as advance:
        requests = [one.request for one in wanted]
        draw_requests(pipeline, requests, settings, request.out, request.au_guidance, advance)
    return {**facts, "pictures": len(wanted), "people": len({one.person for one in wanted if one.unit is not None})}


def trained_on(who: Who) -> list[Path]:
    """The folder of labelled pictures that a run was trained on, as its config names it."""
    if who.run is None:
        return []
    config = OmegaConf.load(find_run(who.run).project_config)
    folder = OmegaConf.select(config, "data.params.train.params.folder")
    return [] if folder is None else [Path(folder)]


def name_of(who: Who) -> str:
    """What the report calls the model."""
    return (find_run(who.run).path if who.run is not None else who.weights or who.sd or Path()).resolve().name


def _ceilings(request: Request, model: Any, readers: Sequence[Reader], faces: Sequence[RealFace]) -> list[Ceiling]:
    """Of people's labels on CelebA's test people, of blendshapes on the labelled photos of ``real``."""
    kept, found = Kept(request.out / "real.jsonl"), []
    for reader in readers:
        if reader.independent and request.celeba is not None:
            people = labelled_by_people(request.celeba, request.max_real)
            seen = through(model, load_backend("yunet-sface"))
            found += ceilings(reader, people, seen, kept, "people's labels")
        elif not reader.independent and faces:
            found += ceilings(reader, faces, through(model), kept, "blendshapes of the whole photos")
    return found


def _likeness(request: Request, asked: Sequence[Wanted], side_px: int) -> Likeness | None:
    if request.judge is None:
        return None
    judge = load_judge(request.judge)
    claim(request.out, {"judge": judged_by(request.judge)}, f"{judge.name}.json")
    photos = None if request.photos is None else photos_of(request.prompts, request.photos)
    kept = Kept(request.out / "identity.jsonl")
    if photos is not None and len(request.prompts) == 1:  # one person, whatever the noise
        photos = {one.person: photos[request.prompts[0]] for one in asked}
    return likeness(judge, asked, request.out, kept, strangers_percentile(judge, side_px), photos)


def _notices(request: Request, speech: Speech) -> list[str]:
    said = []
    if request.blind:
        said.append("Control: the model was told nothing of what was asked for. AUC .5 is expected.")
    if request.celeba is None:
        said.append("No classifier that knows people's labels only took part (--celeba): no gate is judged.")
    if request.real is None:
        said.append("Without --real there is no ceiling of blendshapes, and nothing was asked for as real faces do it.")
    if not speech.graded:
        said.append(f"Captions of the kind {speech.mode!r} say no degree: a sweep has two levels, and no dose.")
    if len(request.prompts) == 1:
        said.append("One prompt: a noise stands for a person, and intervals are over noises.")
    return said
