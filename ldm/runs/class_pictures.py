"""Draw the class pictures that are missing, before a training starts: resumable, shared among processes, filtered."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ldm.bars import bar
from ldm.data.class_pictures import REJECTED, SETTINGS, ClassPictureError, ClassPictures
from ldm.faces.align import arcface_crop
from ldm.faces.cut import sharpness
from ldm.faces.photos import list_photos
from ldm.files import require_writable, write_json
from ldm.runs.png import save_png

logger = logging.getLogger(__name__)

MOST_TRIES = 5
"""Times ``num``: where so many drawn pictures do not give enough that are kept, the prompt draws something else."""


def make_class_pictures(model: Any, wanted: ClassPictures) -> None:
    """Draw what ``wanted`` lacks, with ``model`` as it is before training. Every process of the trainer calls this.

    Picture n depends on the settings and n alone, so it does not matter who draws it, or when: a start that was
    stopped goes on, and any number of processes gives the same pictures.

    Args:
        model: a ``LatentDiffusion``; its trainer, where it has one, says which process this is.
        wanted: what shall be there.

    Raises:
        ClassPictureError: too few are there and ``generate`` is false; the pictures there were drawn with other
            settings; or hardly any drawn picture passes the filter.
    """
    weights = model.weights_folder.name
    wanted.check(weights)
    there = wanted.pictures(list_photos)
    if len(there) >= wanted.num:
        logger.info("class pictures: %d in %s, %d take part", len(there), wanted.folder, wanted.num)
        return
    if not wanted.generate:
        raise wanted.too_few(len(there))
    require_writable(wanted.folder)
    trainer = model._trainer
    rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
    if rank == 0:
        write_json(wanted.folder / SETTINGS, wanted.drawn_so(weights))
        logger.info("class pictures: %d of %d in %s; drawing %r", len(there), wanted.num, wanted.folder, wanted.prompt)
    was_training = model.training
    try:
        _draw_all(model, wanted, rank, world)
    finally:
        model.train(was_training)
    logger.info("class pictures: %d in %s", len(wanted.pictures(list_photos)), wanted.folder)


def _draw_all(model: Any, wanted: ClassPictures, rank: int, world: int) -> None:
    """Rounds of as many pictures as are missing, until none is."""
    from ldm.models.diffusion.pipelines import PersonPipeline

    if model._trainer is not None:
        model.to(model._trainer.strategy.root_device)
    pipeline = PersonPipeline.of(model, None, wanted.sampler)
    pipeline.set_progress_bar_config(disable=True)
    while (missing := wanted.num - len(wanted.pictures(list_photos))) > 0:
        tried = _tried(wanted)
        if len(tried) >= MOST_TRIES * wanted.num:
            raise ClassPictureError(
                f"of {len(tried)} pictures drawn for {wanted.prompt!r}, {wanted.num - missing} show exactly one sharp "
                f"face, {wanted.num} are wanted (the others: {wanted.folder / REJECTED}): reword the prompt, "
                "lower min_sharpness, or set faces: any"
            )
        candidates = [n for n in range(len(tried) + missing) if n not in tried][:missing]
        _barrier(model)  # everybody has counted before anybody draws
        with bar("class pictures", missing) as advance:
            mine, done = candidates[rank::world], 0
            for start in range(0, len(mine), wanted.batch_size):
                _draw(model, pipeline, wanted, mine[start : start + wanted.batch_size])
                before, done = done, min(world * (start + wanted.batch_size), missing)
                advance(done - before)
        _barrier(model)


def _draw(model: Any, pipeline: Any, wanted: ClassPictures, numbers: Sequence[int]) -> None:
    """Draw the pictures of these numbers, and keep or reject each."""
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
        drawn = pipeline(
            prompt=[wanted.prompt] * len(numbers),
            negative_prompt=[wanted.negative_prompt] * len(numbers),
            height=wanted.height,
            width=wanted.width,
            num_inference_steps=wanted.num_inference_steps,
            guidance_scale=wanted.guidance_scale,
            generator=[torch.Generator().manual_seed(wanted.seed + n) for n in numbers],
        )
    facts = wanted.drawn_so(model.weights_folder.name)
    for n, picture in zip(numbers, drawn.images, strict=True):
        reason = objection(picture, model.faces, wanted.min_sharpness) if wanted.faces == "one" else None
        name = Path(f"{n:05d}.png") if reason is None else Path(REJECTED, f"{n:05d} {reason}.png")
        save_png(wanted.folder / name, picture, facts | {"seed": wanted.seed + n})


def objection(picture: Image.Image, faces: Any, min_sharpness: float) -> str | None:
    """Why ``picture`` is no portrait of one person ("2 faces", "no face", "soft face"), or None."""
    found = faces.faces(picture)
    if len(found) != 1:
        return f"{len(found)} faces" if found else "no face"
    return None if sharpness(arcface_crop(picture, found[0].points)) >= min_sharpness else "soft face"


def _tried(wanted: ClassPictures) -> set[int]:
    """Numbers of the pictures that were drawn before, kept or rejected."""
    files = [*wanted.folder.glob("[0-9]*.png"), *(wanted.folder / REJECTED).glob("[0-9]*.png")]
    numbers = [file.stem.partition(" ")[0] for file in files]
    return {int(number) for number in numbers if number.isdecimal()}


def _barrier(model: Any) -> None:
    if model._trainer is not None:
        model._trainer.strategy.barrier()
