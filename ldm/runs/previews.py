"""Prompts drawn again and again while a run goes on, each picture at its own seed: what has been learned so far."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from PIL import Image
from pydantic import Field
from pytorch_lightning.utilities import rank_zero_only

from ldm.config import Injected
from ldm.models.diffusion.pipelines import PersonPipeline, Sampler
from ldm.runs.callbacks import evaluating
from ldm.runs.draw import DrawSettings, draw_prompts, read_prompts
from ldm.runs.ema import averaged
from ldm.runs.load import knows_people, manager_of, people_vectors
from ldm.runs.loggers import log_picture
from ldm.runs.steps import StepEnd
from ldm.runs.strategies import require_whole


class Previews(pl.Callback):
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
        self.settings = DrawSettings(
            num_samples=num_pictures, seed=seed, negative_prompt=negative_prompt, batch_size=batch_size
        )
        self.num_inference_steps, self.guidance_scale, self.sampler = num_inference_steps, guidance_scale, sampler
        self.every_n_steps, self.disabled, self.folder = every_n_steps, disabled, folder
        self._step_end = StepEnd()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """See that every prompt can be drawn, before the first step.

        Raises:
            PromptTooLongError: one does not fit.
            ValueError: no process could draw alone.
        """
        self._step_end.start(trainer)
        if not self.disabled:
            require_whole(trainer, "previews")
            with evaluating(pl_module):
                PersonPipeline.of(pl_module).check(self.prompts)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look when it is time."""
        if self._step_end.reached(trainer) and trainer.global_step % self.every_n_steps == 0 and not self.disabled:
            self.look(trainer, pl_module)

    @rank_zero_only
    def look(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw, save and log; the model and its modes are left as they were."""
        if self.folder is None:
            return
        step = trainer.global_step - 1
        out = self.folder / "previews" / f"gs-{step:06d}"
        with evaluating(pl_module), torch.no_grad(), averaged(trainer, pl_module, "previews"):
            pipeline = PersonPipeline.of(pl_module, people_so_far(pl_module), self.sampler)
            pipeline.set_progress_bar_config(disable=True)
            draw_prompts(pipeline, self.prompts, self._settings(pl_module), out, {"step": step})
        for number, prompt in enumerate(self.prompts):
            [sheet] = out.glob(f"{number:04d}-*.png")
            with Image.open(sheet) as picture:
                log_picture(trainer.loggers, f"previews/{number:02d}", picture.convert("RGB"), prompt, step)

    def _settings(self, model: Any) -> DrawSettings:
        """How it is drawn, with the model's own habits where nothing else is wanted."""
        defaults = model.defaults
        return replace(
            self.settings,
            num_inference_steps=self.num_inference_steps or defaults.num_inference_steps,
            guidance_scale=defaults.guidance_scale if self.guidance_scale is None else self.guidance_scale,
            sampler=self.sampler or defaults.sampler,
        )


def people_so_far(model: Any) -> torch.Tensor | None:
    """(P, E, D) token vectors of the people that a run on the celeb basis has met, as many as it has words for them.

    None where the run learns none, or has met none yet.
    """
    if not knows_people(model):
        return None
    manager = manager_of(model)
    people = list(manager.memory.trained())[: len(manager.placeholders.strings)]
    return people_vectors(model, people) if people else None
