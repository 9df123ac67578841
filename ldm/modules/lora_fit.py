"""Whether a LoRA belongs to a model: every layer it changes must be there, and be of its size."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

UNET, TEXT = "unet", "text_encoder"
PART = re.compile(r"(?P<layer>.+)\.(lora_A|lora_B|lora_magnitude_vector)(\.weight)?")
MOST = 8
"""Layers that a message lists."""


def layer_of(key: str) -> str | None:
    """The layer that a tensor of a LoRA changes; None: it is no tensor of a LoRA."""
    match = PART.fullmatch(key)
    return match["layer"] if match else None


def matching_layers(network: nn.Module, targets: Sequence[str]) -> dict[str, nn.Module]:
    """The layers of ``network`` whose names end in one of ``targets``, by name.

    Raises:
        ValueError: a target fits no layer; the ends of names that there are, are listed.
    """
    weighed = {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    for target in targets:
        if not any(_ends(name, target) for name in weighed):
            ends = sorted({re.sub(r"^.*\.(?=[a-zA-Z_])", "", name) for name in weighed})
            raise ValueError(
                f"no layer of {type(network).__name__} has a name that ends in {target!r}; there are {', '.join(ends)}"
            )
    return {name: module for name, module in weighed.items() if any(_ends(name, target) for target in targets)}


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def require_fit(
    tensors: Mapping[str, Tensor], networks: Mapping[str, nn.Module], ignore_unmatched: bool = False
) -> dict[str, Tensor]:
    """The tensors of a LoRA that fit ``networks``: all of them, or the message says which do not.

    Args:
        tensors: by PEFT's names, ``unet.`` or ``text_encoder.`` in front.
        networks: the UNet and the text encoder, by these words.
        ignore_unmatched: leave out what does not fit instead of refusing the file.

    Raises:
        ValueError: tensors name layers that the networks do not have, or layers of another size; they are listed. Or
            nothing at all fits.
    """
    layers = {name: dict(network.named_modules()) for name, network in networks.items()}
    faults = {key: fault for key, tensor in tensors.items() if (fault := _fault(key, tensor, layers))}
    fitting = {key: tensor for key, tensor in tensors.items() if key not in faults}
    if faults and not ignore_unmatched:
        other = not fitting or any(fault.of_size for fault in faults.values())
        shown = [str(fault) for fault in sorted(faults.values(), key=lambda fault: not fault.of_size)[:MOST]]
        more = [f"and {len(faults) - MOST} more"] if len(faults) > MOST else []
        raise ValueError(
            f"the LoRA is {'of another base model' if other else 'not all of this model'}: {len(faults)} of its "
            f"{len(tensors)} tensors do not fit" + "".join(f"\n  {line}" for line in shown + more)
        )
    if not fitting:
        raise ValueError(f"nothing in the LoRA fits this model: none of its {len(tensors)} tensors")
    return fitting


@dataclass(frozen=True)
class _Fault:
    """What is wrong with one tensor."""

    key: str
    what: str
    of_size: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


def _fault(key: str, tensor: Tensor, layers: Mapping[str, Mapping[str, Any]]) -> _Fault | None:
    """What is wrong with one tensor, or None."""
    network, _, rest = key.partition(".")
    layer = layer_of(rest)
    if layer is None:
        return _Fault(key, "no tensor of a LoRA")
    if network not in layers:
        return _Fault(key, f"{network} is not changed here; there is {', '.join(layers)}")
    known = layers[network]
    module = known.get(layer, known.get(layer.removeprefix("text_model.")))
    if module is None:
        return _Fault(key, f"{network} has no such layer")
    weight: Tensor = getattr(module, "base_layer", module).weight
    takes = ".lora_A" in key
    made = tensor.shape[1] if takes else tensor.numel() if "vector" in key else tensor.shape[0]
    here = weight.shape[1 if takes else 0]
    if made == here:
        return None
    return _Fault(key, f"the layer {'takes' if takes else 'gives'} {made} numbers there, {here} here", of_size=True)
