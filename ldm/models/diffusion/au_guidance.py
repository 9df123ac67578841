"""Guidance by action units: how much more a face does what it is told than it would by the prompt alone."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch


def weighed(pipeline: Any, weight: float | None, guidance_scale: float) -> AbstractContextManager[None]:
    """``au_guided``, where that is not what the pipeline does by itself; no ``weight`` is that of the prompt."""
    usual = pipeline.mover is None and weight in (None, guidance_scale)
    return nullcontext() if usual else au_guided(pipeline, guidance_scale if weight is None else weight)


@contextmanager
def au_guided(pipeline: Any, weight: float) -> Iterator[None]:
    """Inside the block the pipeline's predictions are e0 + s (et - e0) + w (ea - et).

    e0 knows neither prompt nor face, et the prompt (with the word of the action units, of which nothing is told), ea
    both; s is the guidance scale and w the ``weight``. w = s is the usual sum. Source: the composition of Liu et al.
    2022, "Compositional Visual Generation with Composable Diffusion Models", eq. 11, with et in e0's place.

    With ``moved``, contexts of another prompt with and without the face, w weighs the difference of those instead: what
    a person does is then told by what a face without a name would do.

    The UNet is called with more parts of the batch; the usual sum, which diffusers takes afterwards, is made right by
    handing it et + (w / s) (ea - et) for ea.

    Args:
        pipeline: a ``PersonPrompts`` with ``told``; its ``untold`` is et's context.
        weight: w.
    """

    def widen(_unet: Any, places: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        sample, context = places[0], named["encoder_hidden_states"]
        count = len(pipeline.untold)
        told, untold = pipeline.moved or (context[-count:], pipeline.untold)
        parts = [context[:-count], *(one.to(context) for one in (pipeline.untold, told, untold))]  # e0, et, the two
        more = [sample[:count]] * (2 if pipeline.moved else 1)
        contexts = torch.cat(parts if pipeline.moved else parts[:-1])  # without ``moved``, untold is et
        return (torch.cat([sample, *more]), *places[1:]), {**named, "encoder_hidden_states": contexts}

    def sum_up(_unet: Any, _places: Any, named: dict[str, Any], output: Any) -> Any:
        blocks = list(output[0].split(len(pipeline.untold)))
        untold = blocks.pop() if pipeline.moved else blocks[-2]
        told, prompted = blocks.pop(), blocks.pop()
        scale = pipeline.guidance_scale if blocks else 1.0
        return (torch.cat([*blocks, prompted + (weight / scale) * (told - untold)]), *output[1:])

    handles = (
        # before a ControlNet's, whose residuals must be those of all parts
        pipeline.unet.register_forward_pre_hook(widen, prepend=True, with_kwargs=True),
        pipeline.unet.register_forward_hook(sum_up, with_kwargs=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
