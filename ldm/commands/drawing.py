"""From the options of `generate` to pictures in a folder."""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ldm.commands.bars import bar
from ldm.commands.drawing_add_ons import guided, require_control
from ldm.commands.drawing_au import askings, levels, mover_of
from ldm.commands.drawing_models import Drawer, asks_for_people, drawers, folder_name
from ldm.commands.drawing_settings import drawn_size, settings_for, source_for
from ldm.commands.generate_options import ActionUnits, AddOns, Between, Control, FromPicture, How, What, Who
from ldm.commands.steps import parse_steps

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """All that `generate` was told, and where the pictures go (None: outputs/RUN)."""

    who: Who
    what: What = field(default_factory=What)
    how: How = field(default_factory=How)
    picture: FromPicture = field(default_factory=FromPicture)
    between: Between = field(default_factory=Between)
    add_ons: AddOns = field(default_factory=AddOns)
    control: Control = field(default_factory=Control)
    units: ActionUnits = field(default_factory=ActionUnits)
    out: Path | None = None


@dataclass(frozen=True)
class Drawn:
    """What came of it.

    Attributes:
        folder: where the pictures are.
        samples: of each picture its file, prompt, seed and what else tells it from the others.
        failed: checkpoints that could not be read.
    """

    folder: Path
    samples: list[dict[str, Any]]
    failed: list[str]


def draw(order: Order) -> Drawn:
    """Draw, with a progress bar.

    Raises:
        ValueError: neither a run nor weights, no prompt, people of a plain model, or options that exclude each other.
        LookupError: a person or a step that does not exist; those that do are listed.
        RuntimeError: of a folder of checkpoints none could be read.
    """
    from ldm.files import require_writable
    from ldm.runs.load import find_run, learned_word
    from ldm.runs.sheet import write_sheet, write_sweep

    prompts = _prompts(order)
    _require_sense(order)
    if order.who.run is not None:
        run = find_run(order.who.run)
        order = replace(order, who=replace(order.who, run=run.path))
        _warn_without(learned_word(run), prompts)
    folder = order.out or folder_name(order.who)
    require_writable(folder)
    samples: list[dict[str, Any]] = []
    failed: list[str] = []
    with bar("draw", _total(order, len(prompts))) as advance:
        if order.between.interpolate is not None:
            samples = _draw_between(order, prompts, folder, failed, advance)
        else:
            warned: set[int] = set()
            for drawer in drawers(order.who, order.add_ons, failed):
                samples += _draw(order, drawer, prompts, folder, advance, warned)
    if failed and not samples:
        raise RuntimeError(f"none of the checkpoints in {order.who.weights} could be read: {', '.join(failed)}")
    if order.units.au_sweep is not None:
        write_sweep(folder, samples)
    if order.who.weights is not None and len({sample["checkpoint"] for sample in samples}) > 1:
        write_sheet(folder / "checkpoints.png", folder, samples, "checkpoint", {})
    return Drawn(folder, samples, failed)


def _warn_without(word: str | None, prompts: Sequence[str]) -> None:
    """Say so, if no prompt has the word that a run was taught: a mistake, or a look at everything else."""
    asked = [prompt.lower().replace("<", " ").replace(">", " ") for prompt in prompts]
    if word and not any(re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", prompt) for prompt in asked):
        logger.warning("no prompt mentions %r, the word for what the run has learned", word)


def _prompts(order: Order) -> list[str]:
    from ldm.runs.draw import read_prompts

    what = order.what
    given = [*what.prompt, *(read_prompts(what.prompts) if what.prompts else ())]
    if what.unconditional and (given or what.negative):
        raise ValueError("--unconditional draws without a prompt: leave out --prompt, --prompts and --negative")
    if not given and not what.unconditional:
        raise ValueError("nothing to draw: give --prompt TEXT or --prompts FILE")
    return given or [""]


def _require_sense(order: Order) -> None:
    who, picture = order.who, order.picture
    if who.run is None and who.sd is None and who.weights is None:
        raise ValueError("give --run logs/RUN, or --sd WEIGHTS for the plain model")
    if who.weights is not None and (who.sd is not None or parse_steps(who.step) != [None]):
        raise ValueError("--weights draws all checkpoints of a folder: leave out --sd and --step")
    if who.weights is not None and who.run is None and asks_for_people(who):
        from ldm.runs.checkpoints import run_of

        if run_of(who.weights) is None:
            raise ValueError("--people, --photo and --mean belong to a run: give --run logs/RUN beside --weights")
    if who.photo and (who.people or who.mean):
        raise ValueError("--photo takes the place of --people and --mean: give one of them")
    if picture.init_image is None and (picture.strength is not None or picture.mask is not None):
        raise ValueError("--strength and --mask belong to a picture: give --init-image FILE")
    if picture.mask is None and picture.feather is not None:
        raise ValueError("--feather belongs to a mask: give --mask FILE")
    require_control(order.control)
    if order.between.interpolate is not None and levels(order.units):
        raise ValueError("--interpolate goes between seeds, prompts or people: put what a face does into the prompts")
    if order.between.interpolate is not None and picture.init_image is not None:
        raise ValueError("--interpolate goes from noise to noise: leave out --init-image")


def _total(order: Order, num_prompts: int) -> int:
    """How many pictures there will be, as far as is known."""
    num_prompts *= max(1, len(levels(order.units)))
    models = 1 if order.who.weights else len(set(parse_steps(order.who.step)))
    if order.between.interpolate is not None:
        return models * order.between.frames
    return models * max(1, len(order.who.people)) * num_prompts * order.how.n


def _draw(
    order: Order, drawer: Drawer, prompts: Sequence[str], folder: Path, advance: Callable[[int], Any], warned: set[int]
) -> list[dict[str, Any]]:
    from ldm.models.diffusion.au_guidance import weighed
    from ldm.models.diffusion.from_picture import PersonFromPicture
    from ldm.runs.draw import draw_prompts, pipeline_of

    settings = settings_for(drawer.model, order.how, order.what)
    source = source_for(drawer.model, order.picture, order.how)
    kind = PersonFromPicture if source else None
    pipeline = pipeline_of(drawer.model, drawer.people, settings.sampler, kind)
    asked, samples = askings(drawer.model, prompts, order.units), []
    pipeline.mover = mover_of(drawer.model, order.units)
    said = [prompt for asking in asked for prompt in asking.prompts] + ([pipeline.mover] if pipeline.mover else [])
    _check(order, pipeline, said, warned)
    with guided(drawer.model, order.control, drawn_size(drawer.model, settings, source)) as told:
        for asking in asked:
            pipeline.told, facts = asking.told, {**drawer.facts, **told, **asking.facts}
            name = "_".join(part for part in (drawer.suffix, str(asking.facts.get("au", ""))) if part)
            weight = order.units.au_guidance
            with weighed(pipeline, weight, settings.guidance_scale) if asking.told else nullcontext():
                samples += draw_prompts(pipeline, asking.prompts, settings, folder, facts, name, advance, source)
    return samples


def _draw_between(
    order: Order, prompts: Sequence[str], folder: Path, failed: list[str], advance: Callable[[int], Any]
) -> list[dict[str, Any]]:
    from ldm.commands.drawing_ends import strips
    from ldm.runs.between import draw_between
    from ldm.runs.draw import pipeline_of, write_settings

    samples: list[dict[str, Any]] = []
    for drawer, ends in strips(order.who, order.add_ons, order.between, prompts, order.how.seed, failed):
        settings = settings_for(drawer.model, order.how, order.what)
        pipeline = pipeline_of(drawer.model, drawer.people, settings.sampler)
        _check(order, pipeline, [end.prompt for end in ends], set())
        name = drawer.model_told if order.between.interpolate == "people" else drawer.suffix
        with guided(drawer.model, order.control, drawn_size(drawer.model, settings)) as told:
            facts = {**drawer.facts, **told}
            made = draw_between(pipeline, ends, order.between.frames, settings, folder, facts, name, advance)
        write_settings(folder, settings, facts, made)
        samples += made
    return samples


def _check(order: Order, pipeline: Any, prompts: Sequence[str], warned: set[int]) -> None:
    """Prompts that cannot be drawn are seen before the first takes its minutes.

    Whom no prompt mentions is said once for each number of people in ``warned``, not for every step and pair.
    """
    if order.what.unconditional:
        return
    number = 0 if pipeline.people is None else len(pipeline.people)
    pipeline.check(prompts, everybody=bool(order.who.people or order.who.photo) and number not in warned)
    warned.add(number)
