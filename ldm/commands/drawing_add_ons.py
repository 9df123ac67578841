"""From the options of `generate` to what is laid over a model, and what guides it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ldm.commands.generate_options import AddOns, Control


def lay_on(model: Any, add_ons: AddOns) -> dict[str, Any]:
    """Lay LoRAs and learned words over a model; what its pictures say about them.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: it is not what it should be, or of another base model.
    """
    from ldm.models.diffusion.pipelines import PersonPipeline
    from ldm.runs.add_ons import add_embeddings, add_loras, parse_lora

    if not (add_ons.lora or add_ons.embedding):
        return {}
    pipeline, loras = PersonPipeline.of(model), [parse_lora(text) for text in add_ons.lora]
    add_loras(pipeline, loras, add_ons.ignore_unmatched)
    words = add_embeddings(pipeline, add_ons.embedding)
    told = {"loras": [lora.told for lora in loras], "embeddings": words}
    return {name: value for name, value in told.items() if value}


def require_control(control: Control) -> None:
    """Nothing, if the options of control go together.

    Raises:
        ValueError: one is missing.
    """
    given = control.controlnet is not None
    if given and control.control is None:
        raise ValueError("--controlnet is shown something: give --control canny, depth, openpose, landmarks or FILE")
    if not given and (control.control is not None or control.control_image is not None):
        raise ValueError("--control and --control-image are shown to a ControlNet: give --controlnet DIR")


@contextmanager
def guided(model: Any, control: Control, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """Inside the block a ControlNet guides the model, if one is wanted; gives what pictures say about it.

    Raises:
        FileNotFoundError: there is no such ControlNet.
        ValueError: it belongs to another model, or its control picture cannot be made.
    """
    import torch

    from ldm.data.control_images import as_control
    from ldm.modules.controlnet import controlled, read_controlnet
    from ldm.runs.control import control_picture, controlnet_folder

    if control.controlnet is None or control.control is None:
        yield {}
        return

    def face_points(photo: Any) -> Any:
        face = model.faces.largest(photo)
        return None if face is None else face.points

    folder = controlnet_folder(control.controlnet)
    network = read_controlnet(folder, model.unet)
    network.to(torch.accelerator.current_accelerator(check_available=True) or "cpu")
    shown = control_picture(control.control, control.control_image, size, face_points)
    facts = {"controlnet": Path(folder).name, "control_scale": control.control_scale, **shown.facts}
    with controlled(model.unet, network, as_control(shown.picture)[None], control.control_scale):
        yield facts
