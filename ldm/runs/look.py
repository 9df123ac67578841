"""A look at a model in training: a few fixed pictures of its people, and three numbers about them."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from evaluation.identity import Judge, Vector
from evaluation.judges import calibration
from evaluation.prior import nearness
from evaluation.ranking import Look, likeness_of
from evaluation.scores import PromptJudge
from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.runs.draw import DrawSettings
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.likeness import Likeness, Reference, portray

logger = logging.getLogger(__name__)

PROMPTS = ("a photo of {}", "a photo of {}, smiling", "a photo of {} wearing eyeglasses")
"""What is drawn where nobody says otherwise; ``{}`` is where the person stands."""
LOST = 1.0
"""Drift of a class in whose pictures no face is found any more, where there were faces before."""


@dataclass(frozen=True)
class LookPlan:
    """What is drawn at every look, and how.

    Attributes:
        prompts: in turn; ``{}`` is where the person stands.
        settings: of the drawing; ``num_samples`` pictures a person, and of the class.
        sampler: None takes the model's.
        guidance_scale: None takes the model's.
        decoder: folder of a diffusers ``AutoencoderTiny`` that decodes instead of the first stage, or None.
        noun: what the class is called.
    """

    prompts: tuple[str, ...]
    settings: DrawSettings
    sampler: str | None = None
    guidance_scale: float | None = None
    decoder: Path | None = None
    noun: str = "person"

    @property
    def class_prompts(self) -> list[str]:
        """The prompt of every picture, about anybody of the class."""
        article = "an" if self.noun[:1].lower() in "aeiou" else "a"
        plain = [prompt.replace("{}", f"{article} {self.noun}") for prompt in self.prompts]
        return [plain[i % len(plain)] for i in range(self.settings.num_samples)]


@dataclass(frozen=True)
class Before:
    """What the model did for the class before training.

    Attributes:
        nearness: how near faces of the class come to the people, as a cosine; None where it had none.
        obedience: the prompt judge's mean; None where nobody judges.
        picture_s: seconds that a picture took.
    """

    nearness: float | None
    obedience: float | None
    picture_s: float


class Scorer:
    """Draws and scores the people of a model, in the same way at every look.

    Args:
        judge: whose face it is.
        references: the people, by their place in the run.
        words: what stands for each person in prompts, by name; those who are not named here are not drawn.
        plan: what is drawn and how.
        side_px: of the model's pictures.
        prompt_judge: whether prompts are obeyed; None: nobody says.

    Raises:
        LookupError: the judge was never measured on strangers; says how to.
    """

    def __init__(
        self,
        judge: Judge,
        references: Sequence[Reference],
        words: Mapping[str, str],
        plan: LookPlan,
        side_px: int,
        prompt_judge: PromptJudge | None = None,
    ) -> None:
        self.judge, self.references, self.plan, self.prompt_judge = judge, list(references), plan, prompt_judge
        self.calibration = calibration(judge, side_px)
        self.prompts = {name: [prompt.replace("{}", word) for prompt in plan.prompts] for name, word in words.items()}
        self.vectors = [one.vector / np.linalg.norm(one.vector) for one in self.references if one.name in words]
        self._pipelines: dict[int, Any] = {}

    def pipeline(self, model: Any) -> Any:
        """What draws with ``model``; made once."""
        if id(model) not in self._pipelines:
            made = PersonPipeline.of(model, None, self.plan.sampler)
            made.set_progress_bar_config(disable=True)
            if self.plan.decoder is not None:
                made.register_modules(vae=tiny_decoder(self.plan.decoder, model))
            self._pipelines = {id(model): made}
        return self._pipelines[id(model)]

    def check(self, model: Any) -> None:
        """Nothing, if every prompt fits.

        Raises:
            PromptTooLongError: one does not.
        """
        every = [prompt for prompts in self.prompts.values() for prompt in prompts]
        self.pipeline(model).check([*every, *self.plan.class_prompts])

    def cost_s(self, before: Before) -> float:
        """What a look will take, by what the class took; of method and pictures that nobody has timed yet."""
        return before.picture_s * self.plan.settings.num_samples * (len(self.prompts) + (before.nearness is not None))

    def before(self, model: Any, touched: bool | None = None) -> Before:
        """The class, drawn by ``model`` as it is before training; this also tells how long a picture takes.

        Where neither drift nor obedience is looked at, one picture is enough to tell it.

        Args:
            model: the model.
            touched: whether training changes the class; None asks the model's own method.
        """
        began = time.perf_counter()
        touched = touches_class(model) if touched is None else touched
        pictures = self._draw_class(model, None if touched or self.prompt_judge else 1)
        faces = self.judge.vectors(pictures)
        near = self._near(faces) if touched else None
        if touched and near is None:
            logger.warning("drift is not looked at: judge %s finds no face in pictures of the class", self.judge.name)
        obeyed = self._obeyed(pictures, self.plan.class_prompts)
        return Before(near, obeyed or None, (time.perf_counter() - began) / len(pictures))

    def look(self, model: Any, step: int, before: Before) -> tuple[Look | None, list[Likeness]]:
        """What is seen of ``model`` after ``step`` (from 0), and the pictures; None if nobody was learned yet."""
        began = time.perf_counter()
        pipeline, undetected = self.pipeline(model), self.calibration.undetected
        with _cheaply(model):
            found = portray(pipeline, self.judge, self.references, undetected, self.prompts, self._settings(model))
        if not found:
            return None, []
        pictures = [picture for one in found for picture in one.pictures]
        identity = float(np.mean([one.scores.mean for one in found]))
        obeyed = self._obeyed(pictures, self.plan.class_prompts * len(found)) if before.obedience else None
        look = Look(
            step=step,
            identity=identity,
            likeness=likeness_of(identity, self.calibration),
            detected=sum(one.scores.detected for one in found) / len(pictures),
            obedience=None if obeyed is None or not before.obedience else min(1.0, obeyed / before.obedience),
            drift=self._drift(model, before),
            people={one.reference.name: one.scores.mean for one in found},
        )
        return replace(look, seconds=time.perf_counter() - began), found

    def _drift(self, model: Any, before: Before) -> float | None:
        """How much nearer to the people the class came, in the units of likeness."""
        if before.nearness is None:
            return None
        near = self._near(self.judge.vectors(self._draw_class(model)))
        if near is None:
            return LOST
        return (near - before.nearness) / (self.calibration.same - self.calibration.stranger)

    def _near(self, faces: Sequence[Vector | None]) -> float | None:
        """How near the faces come to the people, as a cosine; None where there is none."""
        return nearness([face for face in faces if face is not None], self.vectors)

    def _draw_class(self, model: Any, count: int | None = None) -> list[Image.Image]:
        """The class, once for each prompt of a look, or the first ``count`` of these."""
        settings, prompts = self._settings(model), self.plan.class_prompts[:count]
        seeds = [settings.seed + i for i in range(len(prompts))]
        with _cheaply(model):
            return draw_vectors(self.pipeline(model), prompts, None, seeds, settings)

    def _obeyed(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> float | None:
        """The prompt judge's mean over the prompts that ask for something it can see."""
        if self.prompt_judge is None:
            return None
        known = [score for score in self.prompt_judge.scores(pictures, prompts) if score is not None]
        return float(np.mean(known)) if known else None

    def _settings(self, model: Any) -> DrawSettings:
        guidance = self.plan.guidance_scale
        return replace(
            self.plan.settings, guidance_scale=model.defaults.guidance_scale if guidance is None else guidance
        )


def touches_class(model: Any) -> bool:
    """Whether training changes pictures that mention nobody: parameters of the networks, not only token vectors."""
    networks = (model.unet, model.cond_stage_model.transformer)
    own = {id(parameter) for network in networks for parameter in network.parameters()}
    return any(id(parameter) in own for parameter in model.personalization.trained(*networks))


def tiny_decoder(folder: Path, model: Any) -> Any:
    """The small decoder in ``folder``, where the model is.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it takes other latents than the model's.
    """
    from diffusers import AutoencoderTiny

    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no small decoder: give a diffusers AutoencoderTiny, such as taesd")
    decoder = AutoencoderTiny.from_pretrained(folder, local_files_only=True).eval()
    wanted, takes = model.unet.config.in_channels, decoder.config.latent_channels
    if wanted != takes:
        raise ValueError(f"{folder} decodes latents of {takes} channels, those of this model have {wanted}")
    return decoder.to(model.device, model.first_stage_model.dtype).requires_grad_(False)


def _cheaply(model: Any) -> Any:
    """Half precision where it costs less; on a CPU as it is."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda")
