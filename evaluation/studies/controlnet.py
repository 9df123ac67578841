"""Does a ControlNet of the embedded model obey the edges that it is shown?

``python -m ldm study controlnet --pictures STORE`` trains two by configs/stable-diffusion/controlnet.yaml: one is shown
each picture's own edges, its control those of another picture. Both then draw from the edges of people who are in no
training. Obedience is the agreement of the drawn picture's edges with those shown (F1, one pixel of tolerance), beside
that of the plain model, of edges of another picture, and of the photo itself through the first stage.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from evaluation.bootstrap import Interval, auc_interval, bootstrap_mean, paired_difference
from evaluation.scripts import ROOT
from evaluation.stages import Stages
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.made_of import config_digest, digest
from ldm.data.captions import attribute_caption, name_caption
from ldm.data.control_images import as_control, canny
from ldm.data.store import ABOUT, ROWS, PictureStore
from ldm.files import atomic_path, write_json, write_text
from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.modules.controlnet import controlled, read_controlnet
from ldm.randomness import generator
from ldm.runs.claim import claim
from ldm.runs.control import controlnet_folder
from ldm.runs.folder import RunFolder
from ldm.runs.load import untrained
from ldm.runs.pictures import to_pictures
from ldm.runs.settings import saved_config
from ldm.runs.sheet import sheet
from ldm.weights.fingerprint import fingerprint

CONFIG = Path("configs/stable-diffusion/controlnet.yaml")
ARMS = {"edges": "false", "blind": "true"}
PROMPT = "a photo of a face"
TITLE = "Obedience of a ControlNet"
SHOWN = 8
SAVE_EVERY = 100
"""Steps: so many are lost at most where a run is killed."""


@dataclass(frozen=True)
class Request:
    """What is measured: weights, pictures, how much of everything, and where it goes."""

    sd: Path
    pictures: Path
    out: Path
    num_train: int = 4000
    num_test: int = 200
    steps: int = 1000
    batch_size: int = 16
    document: bool = True


def run(request: Request) -> None:
    """Train both, draw, compare; what is there from an earlier call is kept.

    Raises:
        ValueError: ``out`` holds runs on other weights or pictures, or otherwise trained; see :func:`write_pictures`.
    """
    out, store = request.out.absolute(), PictureStore(request.pictures)
    made_of = {"weights": fingerprint(request.sd), "config": config_digest(ROOT / CONFIG)}
    made_of["pictures"] = digest(store.folder, (ROWS, ABOUT))
    claim(out, {**made_of, "train": request.num_train, "steps": request.steps, "batch_size": request.batch_size})
    tests = write_pictures(store, out / "pictures", request.num_train, request.num_test)
    runs = {arm: train(request, out, arm, blind) for arm, blind in ARMS.items()}
    controls = [canny(photo) for photo in tests]
    model = untrained(request.sd)
    drawn = {"plain": draw(model, None, controls)}
    for arm, folder in runs.items():
        drawn[arm] = draw(model, controlnet_folder(folder), controls)
    with torch.no_grad():
        latents = model.encode_pictures(torch.stack([as_control(photo) * 2 - 1 for photo in tests]))
        seen = model.decode_first_stage(latents)
    drawn["photo itself"] = to_pictures(seen)
    found = {arm: agreement(pictures, controls) for arm, pictures in drawn.items()}
    write_json(out / "agreement.json", {arm: np.diag(matrix).round(4).tolist() for arm, matrix in found.items()})
    rows = {"photo": tests, "edges": controls} | {arm: drawn[arm] for arm in ("edges", "blind", "plain")}
    shown = {f"{name}{' drawn' if name in ARMS else ''}": pictures[:SHOWN] for name, pictures in rows.items()}
    with atomic_path(out / "pictures.png") as temporary:
        sheet(shown).save(temporary)
    text = section(found, request)
    print(text)
    if request.document:
        replace_section(TITLE, text)


def write_pictures(store: PictureStore, out: Path, num_train: int, num_test: int) -> list[Image.Image]:
    """Write training pictures with captions as a user would have them; gives pictures of held-out people.

    Raises:
        ValueError: the store has too few pictures.
    """
    held = "held_out" if len(store.select(split="held_out")) else "test"
    chosen = {}
    for split, number in (("train", num_train), (held, num_test)):
        there = store.select(split=split)
        if len(there) < min(number, 2):
            raise ValueError(f"{store.folder} has {len(there)} pictures in the split {split!r}: too few")
        order = torch.randperm(len(there), generator=generator(23, "controlnet study", split))
        chosen[split] = [int(there[int(i)]) for i in order[:number]]
    lines = []
    for index in chosen["train"]:
        path = out / f"{index:06d}.png"
        if not path.is_file():
            with atomic_path(path) as temporary:
                Image.fromarray(np.asarray(store.pictures[index])).save(temporary, format="PNG")
        row = {"file_name": path.name, "text": _caption(store.rows[index], index)}
        lines.append(json.dumps(row, ensure_ascii=False))
    write_text(out / "metadata.jsonl", "\n".join(lines) + "\n")
    return [Image.fromarray(np.asarray(store.pictures[index])) for index in chosen[held]]


def _caption(row: Mapping[str, Any], index: int) -> str:
    draws = generator(23, "controlnet study", "caption", index)
    if "attributes" in row:
        return attribute_caption(row["attributes"], draws)
    return name_caption(row["name"], draws) if "name" in row else PROMPT


def train(request: Request, out: Path, arm: str, blind: str) -> Path:
    """The run of an arm: the one that is there if it has all its steps; one that was stopped goes on."""
    runs = sorted((out / "runs").glob(f"*_{arm}"))
    for there in runs:
        if (there / "checkpoints" / f"controlnet_gs-{request.steps - 1}").is_dir():
            return there
    stopped = [there for there in runs if _goes_on(there, request)]
    what: list[str | Path] = [
        "--base", CONFIG, "-t", "-n", arm, "-l", out / "runs",
        "--actual_resume", request.sd.absolute(), "--data_root", out / "pictures",
        f"data.params.train.params.blind={blind}", f"data.params.batch_size={request.batch_size}",
        "model.base_learning_rate=3.0e-4", "--scale_lr", "false",
        f"lightning.trainer.max_steps={request.steps}",
        f"lightning.modelcheckpoint.params.every_n_train_steps={min(SAVE_EVERY, request.steps)}",
        f"lightning.callbacks.image_logger.params.batch_frequency={request.steps}",
    ]  # fmt: skip
    what = ["-r", stopped[-1], "-t"] if stopped else what
    Stages(out / "logs", ROOT).run(f"train-{arm}", [sys.executable, "main.py", *what])
    return stopped[-1] if stopped else max((out / "runs").glob(f"*_{arm}"))


def _goes_on(folder: Path, request: Request) -> bool:
    """Whether a run has a checkpoint and wants what is asked for now."""
    try:
        run = RunFolder.open(folder)
        run.checkpoint()
    except FileNotFoundError:  # stopped before its first save
        return False
    config = saved_config(run)
    steps, batch_size = config.lightning.trainer.max_steps, config.data.params.batch_size
    return bool((steps, batch_size) == (request.steps, request.batch_size))


def draw(model: Any, controlnet: Path | None, controls: Sequence[Image.Image], at_once: int = 50) -> list[Image.Image]:
    """A picture for each control picture, by the same seeds with and without a ControlNet."""
    pipeline = PersonPipeline.of(model)
    pipeline.set_progress_bar_config(disable=True)
    network = None if controlnet is None else read_controlnet(controlnet, model.unet)
    drawn: list[Image.Image] = []
    for start in range(0, len(controls), at_once):
        part = controls[start : start + at_once]
        draws = [torch.Generator().manual_seed(start + i) for i in range(len(part))]
        if network is None:
            drawn += pipeline([PROMPT] * len(part), generator=draws).images
            continue
        with controlled(model.unet, network, torch.stack([as_control(one) for one in part])):
            drawn += pipeline([PROMPT] * len(part), generator=draws).images
    return drawn


def agreement(drawn: Sequence[Image.Image], controls: Sequence[Image.Image]) -> NDArray[np.float64]:
    """(N, N): F1 of the edges of picture i with control picture j; on the diagonal the one that it was shown."""
    edges = [np.asarray(canny(picture).convert("L")) > 0 for picture in drawn]
    wanted = [np.asarray(control.convert("L")) > 0 for control in controls]
    near, around = [binary_dilation(one) for one in edges], [binary_dilation(one) for one in wanted]
    matrix = np.zeros((len(edges), len(wanted)))
    for i in range(len(edges)):
        for j in range(len(wanted)):
            hit = (edges[i] & around[j]).sum() / max(1, edges[i].sum())
            found = (wanted[j] & near[i]).sum() / max(1, wanted[j].sum())
            matrix[i, j] = 2 * hit * found / max(1e-9, hit + found)
    return matrix


def section(found: Mapping[str, NDArray[np.float64]], request: Request) -> str:
    """The section of docs/measurements.md."""
    number = len(found["edges"])
    others = {arm: (matrix.sum(1) - np.diag(matrix)) / (number - 1) for arm, matrix in found.items()}
    rows = [
        (arm, _told(bootstrap_mean(np.diag(matrix))), _told(bootstrap_mean(others[arm])), _told(auc_interval(matrix)))
        for arm, matrix in found.items()
    ]
    gain = paired_difference(np.diag(found["edges"]), np.diag(found["blind"]))
    table = markdown_table(("drawn by", "F1 with its edges", "with others' edges", "AUC"), rows)
    return f"""`python -m ldm study controlnet`: two ControlNets of `{request.sd.as_posix()}`, {request.steps} steps of
{request.batch_size} of {request.num_train:,} pictures; `blind` was trained on other pictures' edges. Drawn:
"{PROMPT}" from the edges of {number} pictures of people in no training, same seeds for all.
F1: edges of the drawn picture against those shown, 1 px of tolerance. AUC: how often the F1 of a picture with the edges
it was shown is above that of a picture with the edges another was shown, over all pictures and all pairs of two; .5 is
blind. `photo itself`: through the first stage, what could be reached. Intervals: 95 %, bootstrap over pictures.

{table}

Edges minus blind: {_told(gain)}."""


def _told(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
