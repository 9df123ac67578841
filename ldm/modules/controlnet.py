"""A second network that shows a picture of edges, points or depth to a UNet, layer by layer.

Source: Zhang et al. 2023, "Adding Conditional Control to Text-to-Image Diffusion Models"; the network is diffusers'.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ldm.batch import Batch, Conditioning
from ldm.modules.personalization import Personalization

COPIED = ("conv_in", "time_embedding", "class_embedding", "add_embedding", "down_blocks", "mid_block")
HINT_DOWNSCALE = 8
"""Pixels of the control picture per latent position, fixed by the network's first layers."""


class ControlNetTraining(Personalization):
    """Trains a ControlNet that starts as a copy of the UNet's first half; the model itself stays as it is.

    Args:
        controlnet_ckpt: go on from this diffusers ControlNet folder instead.
    """

    controlnet: nn.Module

    def __init__(self, controlnet_ckpt: Path | None = None) -> None:
        super().__init__()
        self.controlnet_ckpt = None if controlnet_ckpt is None else Path(controlnet_ckpt)

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Make the network: the UNet's own first half, joined to it by layers that give 0 at first."""
        self.controlnet = read_controlnet(self.controlnet_ckpt, unet) if self.controlnet_ckpt else new_controlnet(unet)

    def trained(self, unet: nn.Module, text_encoder: nn.Module) -> Iterable[nn.Parameter]:
        """All of the ControlNet."""
        return self.controlnet.parameters()

    def residuals(self, noisy: Tensor, timesteps: Tensor, told: Conditioning, batch: Batch) -> dict[str, Any]:
        """What the control pictures of the batch add to the UNet's layers; nothing where it has none."""
        if "control" not in batch:
            return {}
        return residuals_of(self.controlnet, noisy, timesteps, told.context, batch["control"])

    def networks(self) -> dict[str, Any]:
        """The ControlNet."""
        return {"controlnet": self.controlnet}


def new_controlnet(unet: Any) -> Any:
    """A diffusers ``ControlNetModel`` that starts as the first half of ``unet`` and adds 0 to it.

    Not by its ``from_unet``: in diffusers 0.42 that forgets how many heads the embedding of the text has.
    """
    from diffusers import ControlNetModel

    settings = signature(ControlNetModel.__init__).parameters
    made = ControlNetModel(**{name: value for name, value in unet.config.items() if name in settings})
    for name in COPIED:
        if isinstance(part := getattr(unet, name, None), nn.Module):
            getattr(made, name).load_state_dict(part.state_dict())
    return made


def read_controlnet(folder: Path, unet: Any) -> Any:
    """The diffusers ControlNet in ``folder``, made for a UNet like this one.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it was made for a UNet with other layers; what differs is listed.
    """
    from diffusers import ControlNetModel

    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} is no ControlNet: a folder with config.json and weights is needed")
    network = ControlNetModel.from_pretrained(folder, local_files_only=True)
    differing = [
        f"{name} {network.config[name]} instead of {unet.config[name]}"
        for name in ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim")
        if _plain(network.config[name]) != _plain(unet.config[name])
    ]
    if differing:
        raise ValueError(f"the ControlNet in {folder} belongs to another model: {'; '.join(differing)}")
    return network.eval()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def residuals_of(
    controlnet: Any, noisy: Tensor, timesteps: Any, context: Tensor, control: Tensor, scale: float = 1.0
) -> dict[str, Any]:
    """What a UNet is given beside its own arguments, from control pictures (N, 3, H, W) in [0, 1].

    ``noisy`` may hold each picture several times (with and without a prompt): the control pictures are repeated.
    """
    size = [HINT_DOWNSCALE * side for side in noisy.shape[-2:]]
    hint = control.to(noisy)
    if list(hint.shape[-2:]) != size:
        hint = nn.functional.interpolate(hint, size, mode="bilinear", antialias=True)
    hint = hint.repeat(len(noisy) // len(hint), 1, 1, 1)
    down, middle = controlnet(noisy, timesteps, context, hint, conditioning_scale=scale, return_dict=False)
    return {"down_block_additional_residuals": tuple(down), "mid_block_additional_residual": middle}


@contextmanager
def controlled(unet: nn.Module, controlnet: Any, control: Tensor, scale: float = 1.0) -> Iterator[None]:
    """Inside the block ``unet`` sees ``control`` (N, 3, H, W) in [0, 1] through ``controlnet``, whoever calls it."""

    def add(_unet: nn.Module, places: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = dict(zip(("sample", "timestep", "encoder_hidden_states"), places, strict=False)) | named
        told = residuals_of(
            controlnet, given["sample"], given["timestep"], given["encoder_hidden_states"], control, scale
        )
        return places, {**named, **told}

    handle = unet.register_forward_pre_hook(add, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
