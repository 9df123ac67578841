"""Stop when the people of a run look no more like their photos than some looks ago."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field

from evaluation.identity import Judge
from evaluation.judges import load_judge, strangers_percentile
from ldm.config import Injected
from ldm.models.diffusion.pipelines import PersonPipeline, Sampler
from ldm.runs.callbacks import evaluating
from ldm.runs.draw import DrawSettings
from ldm.runs.ema import averaged
from ldm.runs.likeness import Likeness, Reference, likeness_sheet, photos_of, portray, references_of
from ldm.runs.load import knows_people, manager_of
from ldm.runs.loggers import Row, log_people, log_picture
from ldm.runs.pictures import save_jpeg
from ldm.runs.steps import StepEnd
from ldm.runs.strategies import require_whole

logger = logging.getLogger(__name__)


class StopOnIdentity(pl.Callback):
    """Draws the people of the run now and then, scores them, and ends training when the score rises no more.

    The score is that of ``evaluation.identity``: the mean cosine of the pictures to the person's training photos, a
    picture without a face counting as the judge's 5th percentile of strangers. Logged are ``val/identity`` (mean over
    the people), ``val/identity/<person>``, ``val/detected`` (share of the pictures with a face),
    ``val/identity_seconds``, every picture with its score in the table of people, and a sheet of all. Prompts, seeds
    and sampler are the same at every look, so that looks can be compared.

    The judge may be the network whose vectors conditioned the model; then the score is too good. That is fine for
    deciding when to stop, and not for saying how well the method works: a line in the log names the judge.

    Args:
        every_n_steps: optimizer steps between two looks.
        patience: stop after so many looks without a better score; 0 never stops.
        min_delta: what counts as better: a rise by more than this over the best score so far.
        min_steps: do not stop before so many steps.
        num_pictures: of each person at each look.
        prompts: what is drawn, in turn; ``{}`` is where the person stands.
        num_inference_steps: steps of the sampler.
        guidance_scale: strength of the prompt; null takes the model's.
        sampler: ddim, dpm++, euler, pndm or ddpm; null takes the model's.
        batch_size: pictures drawn at a time.
        seed: of each person's first picture; the next ones have the next seeds. The default keeps clear of those that
            pictures are usually made and scored with (42 and on).
        judge: who scores, see ``evaluation.judges.load_judge``.
        disabled: never look.
        folder: the run's ``images/``.

    Raises:
        ValueError: a prompt has no place for the person.
    """

    def __init__(
        self,
        every_n_steps: Annotated[int, Field(gt=0)] = 50,
        patience: Annotated[int, Field(ge=0)] = 3,
        min_delta: Annotated[float, Field(ge=0)] = 0.01,
        min_steps: Annotated[int, Field(ge=0)] = 200,
        num_pictures: Annotated[int, Field(gt=0)] = 4,
        prompts: Sequence[str] = ("a photo of {}", "a photo of {}, smiling"),
        num_inference_steps: Annotated[int, Field(gt=0)] = 12,
        guidance_scale: Annotated[float, Field(ge=0)] | None = None,
        sampler: Sampler | None = None,
        batch_size: Annotated[int, Field(gt=0)] = 8,
        seed: Annotated[int, Field(ge=0)] = 1_000_000,
        judge: str = "yunet-sface",
        disabled: bool = False,
        folder: Injected[Path | None] = None,
    ) -> None:
        self.every_n_steps, self.patience = every_n_steps, patience
        self.min_delta, self.min_steps = min_delta, min_steps
        self.prompts, self.guidance_scale, self.sampler = list(prompts), guidance_scale, sampler
        self.settings = DrawSettings(
            num_samples=num_pictures, seed=seed, num_inference_steps=num_inference_steps, batch_size=batch_size
        )
        self.judge_name, self.disabled, self.folder = judge, disabled, folder
        if nameless := [prompt for prompt in self.prompts if "{}" not in prompt]:
            raise ValueError(
                f"lightning.callbacks.identity: prompt {nameless[0]!r} names nobody: write {{}} where the person stands"
            )
        if not self.prompts:
            raise ValueError("lightning.callbacks.identity: prompts is an empty list: give one, like 'a photo of {}'")
        self.best: float | None = None
        self.best_step = -1
        self.looks_without = 0
        self.stopped = False
        self._pipeline: PersonPipeline | None = None
        self._judge: Judge | None = None
        self._references: list[Reference] = []
        self._undetected = 0.0
        self._step_end = StepEnd()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Have the judge see the training photos; a run that was stopped here before stays so.

        Raises:
            ValueError: the run learns no people, its data set has no photos, the judge sees no face in them, a prompt
                does not fit, or no process could draw alone.
            LookupError: the judge was never measured on strangers; says how to.
        """
        self._step_end.start(trainer)
        if self.disabled:
            return
        require_whole(trainer, "identity")
        photos = photos_of(trainer)
        if not (getattr(pl_module, "personalization", None) and knows_people(pl_module)):
            raise ValueError(
                f"lightning.callbacks.identity: {type(pl_module).__name__} learns no people on the celeb basis here, "
                "so there is nobody to look at: leave this callback out, or set disabled: true"
            )
        if not photos:
            raise ValueError(
                "lightning.callbacks.identity: the training data has no list of photos and people "
                "(FaceIdDatasetOneShot has one), so there is nothing to compare with: leave this callback out, or set "
                "disabled: true"
            )
        if trainer.is_global_zero:
            self._meet(pl_module, photos)
        if self.stopped and 0 < self.patience <= self.looks_without:
            logger.warning(
                "this run ended because its identity score rose no more (%d looks): to go on, raise "
                "lightning.callbacks.identity.params.patience, or set it to 0",
                self.looks_without,
            )
            trainer.should_stop = True

    def _meet(self, model: Any, photos: dict[str, list[Path]]) -> None:
        """Load the judge, describe the people by it, and see that the prompts fit."""
        with evaluating(model):
            self._pipeline = PersonPipeline.of(model, sampler=self.sampler)
        self._pipeline.set_progress_bar_config(disable=True)
        self._pipeline.check(self._wanted(self._pipeline)[0])
        self._judge = judge = load_judge(self.judge_name)
        self._undetected = strangers_percentile(judge, model.sample_size_px)
        self._references = references_of(judge, photos)
        if judge.encoder_name == manager_of(model).face_encoder_name:
            logger.warning(
                "val/identity: the judge (%s) is the network that conditions; fine for stopping, not for claims",
                judge.name,
            )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look when it is time, and ask the trainer to stop when it has been long enough."""
        if not self._step_end.reached(trainer) or self.disabled or trainer.global_step % self.every_n_steps:
            return
        if trainer.is_global_zero:
            self.look(trainer, pl_module)
        self.stopped = trainer.strategy.reduce_boolean_decision(self._has_waited(trainer), all=False)
        if self.stopped and trainer.is_global_zero:
            logger.info(
                "identity has not risen by more than %g for %d looks (best %.3f after step %d): stopping",
                self.min_delta, self.looks_without, self.best, self.best_step,
            )  # fmt: skip
        trainer.should_stop = trainer.should_stop or self.stopped

    def _has_waited(self, trainer: pl.Trainer) -> bool:
        earliest = max(self.min_steps, trainer.min_steps or 0)
        return 0 < self.patience <= self.looks_without and trainer.global_step >= earliest

    def look(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw, score and log; the model, its modes and the global generators are left as they were."""
        assert self._pipeline is not None  # made when training started, like the judge
        assert self._judge is not None
        began, step = time.perf_counter(), trainer.global_step - 1
        prompts, settings = self._wanted(self._pipeline)
        with evaluating(pl_module), torch.no_grad(), averaged(trainer, pl_module, "previews"):
            found = portray(self._pipeline, self._judge, self._references, self._undetected, prompts, settings)
        if not found:
            logger.warning("val/identity: nobody has been learned after step %d: the data names no people", step)
            return
        score = sum(one.scores.mean for one in found) / len(found)
        self._compare(score, step)
        self._log(trainer, found, score, step, time.perf_counter() - began)

    def _wanted(self, pipeline: PersonPipeline) -> tuple[list[str], DrawSettings]:
        """The prompts in the run's words, and how to draw them with this model."""
        assert pipeline.placeholders is not None  # the run learns people
        guidance = pipeline.model.defaults.guidance_scale if self.guidance_scale is None else self.guidance_scale
        words = [prompt.replace("{}", pipeline.placeholders.strings[0]) for prompt in self.prompts]
        return words, DrawSettings(**{**vars(self.settings), "guidance_scale": guidance})

    def _compare(self, score: float, step: int) -> None:
        """Keep the best score, or count one more look without a better one."""
        if self.best is None or score > self.best + self.min_delta:
            self.best, self.best_step, self.looks_without = score, step, 0
        else:
            self.looks_without += 1

    def _log(self, trainer: pl.Trainer, found: list[Likeness], score: float, step: int, seconds: float) -> None:
        pictures, seen = sum(len(one.pictures) for one in found), sum(one.scores.detected for one in found)
        each = {one.reference.name: one.scores.mean for one in found}
        metrics = {"val/identity": score, "val/detected": seen / pictures, "val/identity_seconds": seconds}
        metrics |= {f"val/identity/{name}": mean for name, mean in each.items()}
        for one in trainer.loggers:
            one.log_metrics(metrics, step=step)
        log_people(trainer.loggers, [row for one in found for row in _rows(one, step)], step)
        sheet, listed = likeness_sheet(found), ", ".join(f"{name} {mean:.3f}" for name, mean in each.items())
        log_picture(trainer.loggers, "val/people", sheet, listed, step)
        if self.folder is not None:
            save_jpeg(sheet, self.folder / "val" / f"people_gs-{step:06d}.jpg")
        logger.info(
            "identity after step %d: %.3f (%s), a face in %d of %d pictures, %.1f s",
            step, score, listed, seen, pictures, seconds,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """The best score and how long ago it was, for a resumed run to stop where this one would."""
        return {key: getattr(self, key) for key in ("best", "best_step", "looks_without", "stopped")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on waiting where the saved run was."""
        self.best, self.best_step = state_dict["best"], state_dict["best_step"]
        self.looks_without, self.stopped = state_dict["looks_without"], state_dict["stopped"]


def _rows(one: Likeness, step: int) -> list[Row]:
    """A row of the table of people for each picture."""
    shown = zip(one.prompts, one.pictures, one.scores.cosines.tolist(), strict=True)
    return [
        Row(one.reference.name, prompt, step, picture, None if cosine != cosine else cosine)
        for prompt, picture, cosine in shown
    ]
