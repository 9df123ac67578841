"""What a model that is told action units by a vector draws of each of them, while it learns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import Field

from ldm.config import Injected
from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.modules.au_conditioner import conditioner_of, worded
from ldm.runs.draw import settings_of
from ldm.runs.draw_au import AuRequest, draw_requests
from ldm.runs.looks import Looks, Shown
from ldm.runs.png import save_png
from ldm.runs.sheet import sheet


class AuPreviews(Looks):
    """Draws each action unit alone, from absent to strong, from the same noise every so many steps.

    Pictures go to ``<folder>/action_units/gs-<step>/`` and to the loggers: a row a unit, a picture a level.

    Args:
        every_n_steps: optimizer steps between two looks.
        prompt: what is drawn; the word of the units is put behind it.
        units: which, by their numbers in FACS; null takes all of the model's.
        levels: that are asked for, 0 to 5.
        seed: of the noise.
        num_inference_steps: steps of the sampler; null takes the model's.
        disabled: never look.
        folder: the run's ``images/``.
    """

    def __init__(
        self,
        every_n_steps: Annotated[int, Field(gt=0)] = 500,
        prompt: str = "a photo of a face",
        units: Sequence[int] | None = None,
        levels: Sequence[Annotated[float, Field(ge=0, le=5)]] = (0.0, 2.0, 3.0, 5.0),
        seed: Annotated[int, Field(ge=0)] = 42,
        num_inference_steps: Annotated[int, Field(gt=0)] | None = None,
        disabled: bool = False,
        folder: Injected[Path | None] = None,
    ) -> None:
        super().__init__("au_previews", every_n_steps, disabled, folder)
        self.prompt, self.levels, self.units = prompt, tuple(levels), None if units is None else tuple(units)
        self.seed, self.num_inference_steps = seed, num_inference_steps

    def check(self, model: Any) -> None:
        """See that every unit can be told.

        Raises:
            ValueError: the model is not told by a vector, or does not know a unit.
        """
        self._asked(model)

    def draw(self, model: Any, folder: Path, step: int) -> list[Shown]:
        """One sheet of all units."""
        out, asked = folder / "action_units" / f"gs-{step:06d}", self._asked(model)
        pipeline: Any = PersonPipeline.of(model)
        pipeline.set_progress_bar_config(disable=True)
        settings = settings_of(model, num_inference_steps=self.num_inference_steps)
        wanted = [one for row in asked.values() for one in row]
        files = draw_requests(pipeline, wanted, settings, out, keep=False)  # a killed run may have drawn others there
        pictures = iter(Image.open(file).convert("RGB") for file in files)
        whole = sheet({name: [next(pictures) for _ in row] for name, row in asked.items()})
        save_png(out.with_suffix(".png"), whole, {"prompt": self.prompt, "step": step, "levels": self.levels})
        return [("previews/action_units", whole, self.prompt)]

    def _asked(self, model: Any) -> dict[str, list[AuRequest]]:
        """By unit, a picture for each level; of the other units nothing is told."""
        part = conditioner_of(model)
        if part is None:
            raise ValueError(
                "lightning.callbacks.au_previews is for a model with AuConditioner: take `previews` instead"
            )
        if unknown := [unit for unit in self.units or () if unit not in part.units]:
            known = ", ".join(map(str, part.units))
            raise ValueError(f"lightning.callbacks.au_previews: AU{unknown[0]} is none of the model's units: {known}")
        rows, prompt = {}, worded(self.prompt, part.word)
        for unit in self.units or part.units:
            row = []
            for level in self.levels:
                vector = tuple(level if one == unit else float("nan") for one in part.units)
                about = {"au": f"AU{unit}={level:g}"}
                row.append(AuRequest(f"AU{unit}-{level:g}.png", prompt, self.seed, vector, about))
            rows[f"AU{unit}"] = row
        return rows
