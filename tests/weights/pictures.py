"""Pictures of small models by diffusers itself, as another program would draw them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

WORDS = "a photo of <cat> near sks"


def pipeline(folder: Path) -> Any:
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def picture(pipe: Any, prompt: str = WORDS) -> NDArray[np.float32]:
    """(H, W, 3) of one seed."""
    draws = torch.Generator().manual_seed(5)
    drawn = pipe(prompt, num_inference_steps=2, guidance_scale=2.0, generator=draws, output_type="np")
    return np.asarray(drawn.images[0], np.float32)
