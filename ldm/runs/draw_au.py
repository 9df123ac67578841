"""Pictures of faces that are asked to do something: each with its own prompt, action units and noise."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.files import write_json
from ldm.models.diffusion.au_guidance import weighed
from ldm.runs.draw import SETTINGS, DrawSettings
from ldm.runs.png import save_png


@dataclass(frozen=True)
class AuRequest:
    """One picture that is wanted.

    Attributes:
        file: its name, relative to the folder.
        prompt: what is drawn, with the words for what the face does, or the word of the vector.
        seed: of the noise.
        vector: intensities by the units of the model's vector, NaN where nothing is told; None: words tell it.
        facts: what the picture says about itself beside this.
    """

    file: str
    prompt: str
    seed: int
    vector: tuple[float, ...] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@torch.no_grad()
def draw_requests(
    pipeline: Any,
    requests: Sequence[AuRequest],
    settings: DrawSettings,
    out: Path,
    au_guidance: float | None = None,
    advance: Callable[[int], object] = lambda count: None,
    keep: bool = True,
) -> list[Path]:
    """Draw what ``out`` does not hold yet; the pictures' files, in the order of the requests.

    A picture depends on its own seed, not on what is drawn beside it.

    Args:
        pipeline: a ``PersonPipeline``; its own people stand for the placeholders of the prompts, its ``mover`` moves
            faces.
        requests: the pictures.
        settings: sampler's steps, guidance, negative prompt and batch size; its seed and number are not looked at.
        out: the folder; ``settings.json`` in it lists all pictures.
        au_guidance: weight of the vector beside the prompt's; None: the same.
        advance: called with the number of pictures done.
        keep: what is there is what was asked for; otherwise it is drawn anew.

    Raises:
        PromptTooLongError: a prompt does not fit; nothing was drawn.
    """
    pipeline.check(list(dict.fromkeys(request.prompt for request in requests)))
    missing = [request for request in requests if not (keep and (out / request.file).is_file())]
    advance(len(requests) - len(missing))
    for start in range(0, len(missing), settings.batch_size):
        part = missing[start : start + settings.batch_size]
        told = [_told(one) for one in part]
        pipeline.tell([one.prompt for one in part], told)  # what guidance by units is measured against
        contexts = [pipeline.context([one.prompt], told=own) for one, own in zip(part, told, strict=True)]
        with weighed(pipeline, au_guidance, settings.guidance_scale) if any(told) else nullcontext():
            drawn = pipeline(
                prompt_embeds=torch.cat(contexts),
                negative_prompt=[settings.negative_prompt] * len(part),
                num_inference_steps=settings.num_inference_steps,
                guidance_scale=settings.guidance_scale,
                generator=[torch.Generator().manual_seed(one.seed) for one in part],
            ).images
        for one, picture in zip(part, drawn, strict=True):
            save_png(out / one.file, picture, {**asdict(settings), **_said(one)})
        advance(len(part))
    write_json(out / SETTINGS, {"settings": asdict(settings), "samples": [_said(one) for one in requests]})
    return [out / request.file for request in requests]


def _told(request: AuRequest) -> dict[str, Tensor]:
    """What the pipeline is told of one request."""
    return {} if request.vector is None else {"action_units": torch.tensor(request.vector)}


def _said(request: AuRequest) -> dict[str, Any]:
    """What a picture says about itself, as JSON takes it: of an untold unit null."""
    vector = None if request.vector is None else [None if x != x else x for x in request.vector]
    said = {"file": request.file, "prompt": request.prompt, "seed": request.seed, **request.facts}
    return json.loads(json.dumps(said if vector is None else {**said, "action_units": vector}))  # type: ignore[no-any-return]
