"""Guidance by action units: how much more a face does what it is told than it would by the prompt alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def au_guided(pipeline: Any, weight: float) -> Iterator[None]:
    """Inside the block the pipeline's predictions are e0 + s (et - e0) + w (ea - et).

    e0 knows neither prompt nor face, et the prompt (with the word of the action units, of which nothing is told), ea
    both; s is the guidance scale and w the ``weight``. w = s is the usual sum. Source: the composition of Liu et al.
    2022, "Compositional Visual Generation with Composable Diffusion Models", eq. 11, with et in e0's place.

    The UNet is called with a third part of the batch, et; the usual sum, which diffusers takes afterwards, is made
    right by handing it et + (w / s) (ea - et) for ea.

    Args:
        pipeline: a ``PersonPrompts`` with ``told``; its ``untold`` is et's context.
        weight: w.
    """

    def parts(sample: Tensor) -> int:
        return len(sample) // len(pipeline.untold)

    def widen(_unet: Any, places: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        sample, context = places[0], named["encoder_hidden_states"]
        own = sample[: len(pipeline.untold)]
        untold = pipeline.untold.to(context)
        return (torch.cat([sample, own]), *places[1:]), {**named, "encoder_hidden_states": torch.cat([context, untold])}

    def sum_up(_unet: Any, _places: Any, named: dict[str, Any], output: Any) -> Any:
        sample: Tensor = output[0]
        blocks = sample.chunk(parts(sample))
        told, untold = blocks[-2], blocks[-1]
        scale = pipeline.guidance_scale if len(blocks) == 3 else 1.0
        summed = untold + (weight / scale) * (told - untold)
        return (torch.cat([*blocks[:-2], summed]), *output[1:])

    handles = (
        pipeline.unet.register_forward_pre_hook(widen, with_kwargs=True),
        pipeline.unet.register_forward_hook(sum_up, with_kwargs=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
