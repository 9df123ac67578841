"""Prompts drawn again and again while a run goes on, each picture at its own seed: what has been learned so far."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from PIL import Image
from pydantic import Field

from ldm.config import Injected
from ldm.models.diffusion.pipelines import PersonPipeline, Sampler
from ldm.runs.draw import draw_prompts, read_prompts, settings_of, stem_of
from ldm.runs.likeness import photos_of
from ldm.runs.load import knows_people, manager_of, people_vectors
from ldm.runs.looks import Looks, Shown

logger = logging.getLogger(__name__)


class Previews(Looks):
    """Draws the same prompts at the same seeds every so many steps.

    Pictures are written as ``generate`` writes them, into ``<folder>/previews/gs-<step>/``, and go to the loggers.

    Args:
        every_n_steps: optimizer steps between two looks.
        prompts: what is drawn.
        prompts_file: a file of more prompts, one a line.
        num_pictures: of each prompt.
        seed: of each prompt's first picture; the next ones have the next seeds.
        negative_prompt: what shall not be seen.
        num_inference_steps: steps of the sampler; null takes the model's.
        guidance_scale: strength of the prompt; null takes the model's.
        sampler: ddim, dpm++, euler, pndm or ddpm; null takes the model's.
        batch_size: pictures drawn at a time.
        disabled: never look.
        folder: the run's ``images/``.

    Raises:
        ValueError: there is no prompt.
    """

    def __init__(
        self,
        every_n_steps: Annotated[int, Field(gt=0)] = 200,
        prompts: Sequence[str] = (),
        prompts_file: Path | None = None,
        num_pictures: Annotated[int, Field(gt=0)] = 4,
        seed: Annotated[int, Field(ge=0)] = 42,
        negative_prompt: str = "",
        num_inference_steps: Annotated[int, Field(gt=0)] | None = None,
        guidance_scale: Annotated[float, Field(ge=0)] | None = None,
        sampler: Sampler | None = None,
        batch_size: Annotated[int, Field(gt=0)] = 4,
        disabled: bool = False,
        folder: Injected[Path | None] = None,
    ) -> None:
        self.prompts = [*prompts, *(read_prompts(Path(prompts_file)) if prompts_file else [])]
        if not self.prompts and not disabled:
            raise ValueError("lightning.callbacks.previews: nothing would be drawn: give prompts or a prompts_file")
        super().__init__("previews", every_n_steps, disabled, folder)
        self.wanted = {
            "num_samples": num_pictures, "seed": seed, "negative_prompt": negative_prompt, "batch_size": batch_size,
            "num_inference_steps": num_inference_steps, "guidance_scale": guidance_scale, "sampler": sampler,
        }  # fmt: skip

    def check(self, model: Any) -> None:
        """See that every prompt can be drawn.

        Raises:
            PromptTooLongError: one does not fit.
            PlaceholderError: one mentions more people than there are in the data.
        """
        PersonPipeline.of(model).check(self.prompts)
        if not (in_the_data := len(photos_of(model.trainer))):
            return  # not known; who is not met in time is left out
        people = people_so_far(model)  # maybe of a run before
        there = max(in_the_data, 0 if people is None else len(people))
        for prompt in self.prompts:
            if people_in(model, prompt) > there:
                manager_of(model).placeholders.require_mentions([prompt], there)

    def draw(self, model: Any, folder: Path, step: int) -> list[Shown]:
        """A sheet of every prompt whose people the run has met."""
        out, settings = folder / "previews" / f"gs-{step:06d}", settings_of(model, **self.wanted)
        people = people_so_far(model)
        met = 0 if people is None else len(people)
        drawn = {number: one for number, one in enumerate(self.prompts) if people_in(model, one) <= met}
        if left_out := [one for number, one in enumerate(self.prompts) if number not in drawn]:
            logger.warning(
                "previews of step %d are without %d of %d prompts, first %r: so far the number of people met is %d",
                step, len(left_out), len(self.prompts), left_out[0][:80], met,
            )  # fmt: skip
        if not drawn:
            return []
        pipeline = PersonPipeline.of(model, people, settings.sampler)
        pipeline.set_progress_bar_config(disable=True)
        draw_prompts(pipeline, list(drawn.values()), settings, out, {"step": step})
        shown = []
        for place, (number, prompt) in enumerate(drawn.items()):
            sheet = out / f"{stem_of(place, prompt)}.png"  # a killed run may have left others there
            with Image.open(sheet) as picture:
                shown.append((f"previews/{number:02d}", picture.convert("RGB"), prompt))
        return shown


def people_in(model: Any, prompt: str) -> int:
    """How many people must have been met to draw ``prompt``; 0 where it mentions nobody or the run learns none."""
    if not knows_people(model):
        return 0
    words = manager_of(model).placeholders
    return int(words.people(torch.tensor([words.tokenizer(words.plain(prompt))["input_ids"]])).max()) + 1


def people_so_far(model: Any) -> torch.Tensor | None:
    """(P, E, D) token vectors of the people that a run on the celeb basis has met, as many as it has words for them.

    None where the run learns none, or has met none yet.
    """
    if not knows_people(model):
        return None
    manager = manager_of(model)
    people = list(manager.memory.trained())[: len(manager.placeholders.strings)]
    return people_vectors(model, people) if people else None
