"""The best checkpoint: looks while training, a mark at the best one, an end when nothing gets better."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import pytorch_lightning as pl
import torch
from pydantic import Field

from evaluation.prompt_judges import load_prompt_judge
from evaluation.ranking import Look, chosen, pareto, waited
from ldm.config import Injected
from ldm.models.diffusion.pipelines import Sampler
from ldm.runs.best_mark import CHOOSER, mark_best
from ldm.runs.budget import HEADROOM, Budget
from ldm.runs.callbacks import evaluating
from ldm.runs.checkpoint import CheckpointEvery, saves_of
from ldm.runs.draw import DrawSettings
from ldm.runs.ema import averaged
from ldm.runs.folder import RunFolder
from ldm.runs.look import PROMPTS, Before, LookPlan, Scorer
from ldm.runs.look_log import log_end, log_look
from ldm.runs.look_people import scorer_of_run
from ldm.runs.steps import StepEnd, steps_left
from ldm.runs.strategies import require_whole

logger = logging.getLogger(__name__)
NAME = "lightning.callbacks.best"


class BestCheckpoint(pl.Callback):
    """Looks at the run's people now and then, marks the best checkpoint, and ends training on a plateau.

    A look draws a few pictures, the same prompts and seeds each time, and scores them: likeness (0 is what strangers
    get, 1 another real photo) x prompt obedience (as a share of what the class had before training) - class drift. The
    steps that no other beats in all three are the Pareto list; the best one is marked in ``checkpoints/best.json``, and
    ``--step best`` takes it. What is logged begins with ``val/``.
    Drift is looked at where networks are trained. The judge may be the network that conditioned: enough for choosing.

    Args:
        every_n_steps: optimizer steps between two looks, as far as ``max_share`` allows them.
        max_share: of the training time that looks may take; with less time there are fewer. null: no bound.
        patience: stop after so many looks without a better score; 0 never stops.
        min_delta: what counts as better: a rise by more than this over the best score so far. Of looks that come this
            near to the highest score, the latest is the best.
        min_steps: do not stop before so many steps.
        save: a step that gets on the ``pareto`` list is saved although its turn has not come, or only one that becomes
            the ``best``; ``scheduled`` looks only at steps that are saved anyway.
        num_pictures: of each person at each look, and of the class.
        max_people: of more people, so many are drawn.
        prompts: what is drawn, in turn; ``{}`` is where the person stands.
        noun: what the class is called.
        num_inference_steps: steps of the sampler.
        guidance_scale: strength of the prompt; null takes the model's.
        sampler: ddim, dpm++, euler, pndm or ddpm; null takes the model's.
        decoder: folder of a diffusers AutoencoderTiny, which decodes large pictures in a fraction of the time; null
            takes the model's first stage.
        batch_size: pictures drawn at a time.
        seed: of each person's first picture; the next ones have the next seeds. The default keeps clear of those that
            pictures are usually made and scored with (42 and on).
        judge: who says whose face it is, see ``evaluation.judges.load_judge``.
        prompt_judge: who says whether prompts are obeyed: a transformers folder of CLIP, or attributes-*.safetensors of
            outputs/judges; null: nobody, and obedience counts as 1.
        disabled: never look.
        folder: the run's ``images/``.

    Raises:
        ValueError: a prompt has no place for the person.
        FileNotFoundError: there is no such prompt judge.
    """

    def __init__(
        self,
        every_n_steps: Annotated[int, Field(gt=0)] = 25,
        max_share: Annotated[float, Field(gt=0)] | None = 0.1,
        patience: Annotated[int, Field(ge=0)] = 3,
        min_delta: Annotated[float, Field(ge=0)] = 0.01,
        min_steps: Annotated[int, Field(ge=0)] = 200,
        save: Literal["pareto", "best", "scheduled"] = "pareto",
        num_pictures: Annotated[int, Field(gt=0)] = 3,
        max_people: Annotated[int, Field(gt=0)] = 8,
        prompts: Sequence[str] = PROMPTS,
        noun: str = "person",
        num_inference_steps: Annotated[int, Field(gt=0)] = 6,
        guidance_scale: Annotated[float, Field(ge=0)] | None = None,
        sampler: Sampler | None = "dpm++",
        decoder: Path | None = None,
        batch_size: Annotated[int, Field(gt=0)] = 8,
        seed: Annotated[int, Field(ge=0)] = 1_000_000,
        judge: str = CHOOSER,
        prompt_judge: Path | None = None,
        disabled: bool = False,
        folder: Injected[Path | None] = None,
    ) -> None:
        self.every_n_steps, self.save, self.max_people = every_n_steps, save, max_people
        self.patience, self.min_delta, self.min_steps = patience, min_delta, min_steps
        self.judge_name, self.disabled, self.folder = judge, disabled, folder
        if nameless := [prompt for prompt in prompts if "{}" not in prompt]:
            raise ValueError(f"{NAME}: prompt {nameless[0]!r} names nobody: write {{}} where the person stands")
        if not prompts:
            raise ValueError(f"{NAME}: prompts is an empty list: give one, like 'a photo of {{}}'")
        settings = DrawSettings(
            num_samples=num_pictures, seed=seed, num_inference_steps=num_inference_steps, batch_size=batch_size
        )
        self.plan = LookPlan(tuple(prompts), settings, sampler, guidance_scale, decoder and Path(decoder), noun)
        self.prompt_judge = load_prompt_judge(Path(prompt_judge)) if prompt_judge and not disabled else None
        self.looks: list[Look] = []
        self.left_out, self.stopped = 0, False
        self.budget = Budget(max_share)
        self._before: Before | None = None  # made when training starts, like the scorer
        self._scorer: Scorer | None = None
        self._step_end = StepEnd()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Have the judge see the training photos and the class; a run that was stopped here before stays so.

        Raises:
            ValueError: the data has no photos of anybody, the judge sees no face in them, a prompt does not fit, or no
                process could draw alone.
            LookupError: the judge was never measured on strangers; says how to.
        """
        self._step_end.start(trainer)
        if self.disabled:
            return
        require_whole(trainer, "best")
        if trainer.is_global_zero:
            self.budget.start()
            with self.budget.spending(), evaluating(pl_module), torch.no_grad():
                judges = self.judge_name, self.prompt_judge
                self._scorer = scorer_of_run(trainer, pl_module, self.plan, *judges, self.max_people, NAME)
                self._before = self._before or self._scorer.before(pl_module)
        if self.stopped and 0 < self.patience <= waited(self.looks, self.min_delta):
            logger.warning(
                "this run ended because its score rose no more (%d looks): to go on, raise %s.params.patience, or set "
                "it to 0", waited(self.looks, self.min_delta), NAME,
            )  # fmt: skip
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look when it is time and there is time; then save, mark and stop as the look says."""
        if not self._step_end.reached(trainer) or self.disabled:
            return
        self.budget.steps += 1
        left = steps_left(trainer)
        saves = saves_of(trainer)
        scheduled = saves is not None and saves.due(trainer)
        if not (scheduled if self.save == "scheduled" else trainer.global_step % self.every_n_steps == 0 or left == 0):
            return
        before = len(self.looks)
        if trainer.is_global_zero and self._may_look(left):
            with self.budget.spending():
                self.look(trainer, pl_module)
        if trainer.strategy.reduce_boolean_decision(len(self.looks) > before, all=False):
            self._conclude(trainer, saves, scheduled)

    def _may_look(self, left: float) -> bool:
        assert self._scorer is not None  # made when training started
        assert self._before is not None
        cost = max((look.seconds for look in self.looks), default=self._scorer.cost_s(self._before))
        allowed = self.budget.allows(HEADROOM * cost, left)
        self.left_out += not allowed
        return allowed

    def look(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw, score and log; the model, its modes and the global generators are left as they were."""
        assert self._scorer is not None
        assert self._before is not None
        step = trainer.global_step - 1
        with evaluating(pl_module), torch.no_grad(), averaged(trainer, pl_module, "previews"):
            look, found = self._scorer.look(pl_module, step, self._before)
        if look is None:
            logger.warning("best checkpoint: nobody has been learned after step %d: the data names no people", step)
            return
        self.looks.append(look)
        log_look(trainer, look, found, chosen(self.looks, self.min_delta), self.budget, self.folder)

    def _conclude(self, trainer: pl.Trainer, saves: CheckpointEvery | None, scheduled: bool) -> None:
        """What follows from a look: a save (its time counts where it was not due anyway), the mark, the end."""
        decide, first = trainer.strategy.reduce_boolean_decision, trainer.is_global_zero  # who alone has all looks
        worth = first and self._worth_saving()
        if saves is not None and decide(worth, all=False):
            if not scheduled:
                saves.ask(self.budget.spend())
            saves.ask(lambda: self.mark(saves))
        elif saves is not None and first:
            self.mark(saves)
        earliest = max(self.min_steps, trainer.min_steps or 0)
        enough = first and 0 < self.patience <= waited(self.looks, self.min_delta) and trainer.global_step >= earliest
        self.stopped = decide(enough, all=False)
        if self.stopped and first:
            best = chosen(self.looks, self.min_delta)
            logger.info(
                "the score has not risen by more than %g for %d looks (best %.3f after step %d): stopping",
                self.min_delta, waited(self.looks, self.min_delta), best.score, best.step,
            )  # fmt: skip
        trainer.should_stop = trainer.should_stop or self.stopped

    def _worth_saving(self) -> bool:
        """Whether the last look's step is one to keep."""
        last = self.looks[-1]
        return last == chosen(self.looks, self.min_delta) or (self.save == "pareto" and last in pareto(self.looks))

    def mark(self, saves: CheckpointEvery) -> None:
        """Write which of the saved steps is the best."""
        if not self.looks:
            return
        assert self._scorer is not None  # who looked
        judges = {"judge": self._scorer.judge.name, "prompt_judge": getattr(self.prompt_judge, "name", None)}
        facts = {"chosen": "while training", **judges, "share_of_training_time": round(self.budget.share, 4)}
        mark_best(RunFolder(saves.folder.parent, ""), self.looks, self.min_delta, facts)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say which one it was, and what looking cost in all."""
        if self.disabled or not trainer.is_global_zero:
            return
        if (saves := saves_of(trainer)) is not None:
            self.mark(saves)
        log_end(self.looks, self.min_delta, self.budget, self.left_out, NAME)

    def state_dict(self) -> dict[str, Any]:
        """All looks, their cost and what the class was, for a resumed run to go on as this one would."""
        return {
            "looks": [look.as_json() for look in self.looks],
            "budget": self.budget.state_dict(),
            "before": None if self._before is None else asdict(self._before),
            "left_out": self.left_out,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved run was."""
        self.looks = [Look.of_json(row) for row in state_dict["looks"]]
        self.budget.load_state_dict(state_dict["budget"])
        self._before = None if state_dict["before"] is None else Before(**state_dict["before"])
        self.left_out, self.stopped = state_dict["left_out"], state_dict["stopped"]
