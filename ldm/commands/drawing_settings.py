"""From the options of `generate` to how one model draws: numbers, sizes, the picture to begin with."""

import re
from typing import TYPE_CHECKING, Any

from ldm.commands.generate_options import FromPicture, How, What

if TYPE_CHECKING:
    from ldm.runs.draw import DrawSettings
    from ldm.runs.source_picture import SourcePicture


def settings_for(model: Any, how: How, what: What) -> "DrawSettings":
    """How to draw: what was asked for, otherwise what suits the model."""
    from ldm.runs.draw import settings_of

    height, width = parse_size(how.hw, model) if how.hw else (None, None)
    return settings_of(
        model,
        num_samples=how.n,
        seed=how.seed,
        num_inference_steps=how.steps,
        guidance_scale=1.0 if what.unconditional else how.guidance,
        sampler=how.sampler,
        negative_prompt=what.negative,
        batch_size=how.batch_size,
        height=height,
        width=width,
    )


def drawn_size(model: Any, settings: "DrawSettings", source: "SourcePicture | None" = None) -> tuple[int, int]:
    """Width and height of what is drawn, in pixels."""
    if source is not None:
        return source.picture.size
    native = int(model.sample_size_px)
    return settings.width or native, settings.height or native


def source_for(model: Any, given: FromPicture, how: How) -> "SourcePicture | None":
    """The picture to begin with; None where noise is."""
    from ldm.models.diffusion.from_picture import require_strength
    from ldm.models.first_stage import downscale
    from ldm.runs.source_picture import read_source

    if given.init_image is None:
        return None
    strength = given.strength if given.strength is not None else 1.0 if given.mask else 0.75
    require_strength(strength, how.steps or model.defaults.num_inference_steps)
    height, width = parse_size(how.hw, model) if how.hw else (None, None)
    size = None if height is None or width is None else (width, height)
    step = downscale(model.first_stage_model)
    return read_source(given.init_image, strength, model.sample_size_px, step, size, given.mask, given.feather)


def parse_size(text: str, model: Any) -> tuple[int, int]:
    """Height and width in pixels of ``"512x768"``.

    Raises:
        ValueError: it is not two numbers, or they are no multiples of what one latent position covers.
    """
    from ldm.models.first_stage import downscale

    if not (found := re.fullmatch(r"\s*(\d+)\s*[x ,]\s*(\d+)\s*", text.lower())):
        raise ValueError(f"--hw {text!r}: write height x width in pixels, like 512x768")
    step = downscale(model.first_stage_model)
    height, width = (int(side) for side in found.groups())
    if not (height and width) or height % step or width % step:
        near = "x".join(str(max(1, round(side / step)) * step) for side in (height, width))
        raise ValueError(f"--hw {text}: both must be multiples of {step}; the nearest is {near}")
    return height, width
