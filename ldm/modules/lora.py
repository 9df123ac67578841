"""Train low-rank changes of a network's layers: W becomes W + alpha / rank * B A.

Source: Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models"; the layers are those of peft.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ldm.modules.artifacts import read_artifact
from ldm.modules.lora_fit import TEXT, UNET, layer_of, matching_layers, require_fit
from ldm.modules.personalization import Artifact, Personalization

logger = logging.getLogger(__name__)

ADAPTER = "default"
FORMAT = "lora-1"
METADATA = "lora_adapter_metadata"
"""Where diffusers looks for rank, alpha and the rest in a file's header."""
SAVED = ("r", "lora_alpha", "lora_dropout", "target_modules", "use_dora", "use_rslora")


class LoraAdapter(Personalization):
    """Low-rank layers beside the UNet's attention, and the text encoder's where asked.

    Args:
        rank: of the change, r: a layer of m x n numbers gets r * (m + n) to train.
        alpha: the change is scaled by alpha / rank; null takes the rank, so that the scale is 1.
        dropout: share of a layer's inputs that its change does not see while training.
        target_modules: ends of the names of the UNet's layers that are changed; empty: none.
        train_text_encoder: change the text encoder too.
        text_target_modules: ends of the names of its layers.
        use_dora: train the length of each row of W apart from its direction (DoRA, Liu et al. 2024): slower.
        use_rslora: scale by alpha / sqrt(rank) (rsLoRA, Kalajdzievski 2023), for high ranks.
        lora_ckpt: start from this exported file.
    """

    def __init__(
        self,
        rank: Annotated[int, Field(gt=0)] = 4,
        alpha: Annotated[float, Field(gt=0)] | None = None,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        target_modules: Sequence[str] = ("to_q", "to_k", "to_v", "to_out.0"),
        train_text_encoder: bool = False,
        text_target_modules: Sequence[str] = ("q_proj", "k_proj", "v_proj", "out_proj"),
        use_dora: bool = False,
        use_rslora: bool = False,
        lora_ckpt: Path | None = None,
    ) -> None:
        super().__init__()
        self.targets = {UNET: tuple(target_modules), TEXT: tuple(text_target_modules) if train_text_encoder else ()}
        if not any(self.targets.values()):
            raise ValueError("LoraAdapter would change nothing: name target_modules, or set train_text_encoder to true")
        self.rank = rank
        self.options = {
            "r": rank,
            "lora_alpha": rank if alpha is None else alpha,
            "lora_dropout": dropout,
            "use_dora": use_dora,
            "use_rslora": use_rslora,
        }
        self.lora_ckpt = lora_ckpt
        self._networks: dict[str, Any] = {}  # a plain dict: modules in it are not this module's own

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Put low-rank layers beside the layers that are to be changed.

        Raises:
            ValueError: no layer has such a name, or the rank is larger than a layer.
        """
        from peft import LoraConfig

        networks: dict[str, Any] = {UNET: unet, TEXT: text_encoder}
        self._networks = {name: network for name, network in networks.items() if self.targets[name]}
        layers = {name: matching_layers(network, self.targets[name]) for name, network in self._networks.items()}
        for name, own in layers.items():
            self._require_room(name, own)
        for name, network in self._networks.items():
            options: dict[str, Any] = self.options
            targets = self._with_direction(name, layers[name]) if options["use_dora"] else self.targets[name]
            network.add_adapter(LoraConfig(target_modules=list(targets), **options), adapter_name=ADAPTER)
        if self.lora_ckpt is not None:
            self.load([read_artifact(Path(self.lora_ckpt))])

    def _with_direction(self, network: str, layers: Mapping[str, nn.Module]) -> Sequence[str]:
        """What DoRA can change: the targets, or the names of the layers of which no row is all zero.

        A row without a direction has a length of 0 / 0.

        Raises:
            ValueError: there is no such layer.
        """
        without = [name for name, layer in layers.items() if not layer.weight.flatten(1).any(1).all()]  # type: ignore[operator]
        if not without:
            return self.targets[network]
        told = f"{len(without)} of {len(layers)} layers of the {network} have rows of zeros, first {without[0]}"
        if len(without) == len(layers):
            raise ValueError(f"use_dora: {told}: DoRA divides by the length of each row; leave use_dora out")
        logger.warning("use_dora: %s: they stay as they are, since DoRA divides by the length of each row", told)
        return [name for name in layers if name not in without]

    def _require_room(self, network: str, layers: Mapping[str, nn.Module]) -> None:
        """Nothing, if every layer has more rows and columns than the rank."""
        sizes = {name: min(layer.weight.flatten(1).shape) for name, layer in layers.items()}  # type: ignore[operator]
        name, smallest = min(sizes.items(), key=lambda item: item[1])
        if self.rank > smallest:
            rows, columns = layers[name].weight.flatten(1).shape  # type: ignore[operator]
            raise ValueError(
                f"LoraAdapter: rank {self.rank} is larger than the layer {network}.{name} of {rows} x {columns}: a "
                f"change of rank {smallest} is already any change of it; take a rank up to {smallest}"
            )

    def trained(self, unet: nn.Module, text_encoder: nn.Module) -> Iterable[nn.Parameter]:
        """The low-rank layers' parameters."""
        return [
            parameter
            for network in self._networks.values()
            for name, parameter in network.named_parameters()
            if ".lora_" in name
        ]

    def export(self) -> list[Artifact]:
        """One file in diffusers' form, for ``load_lora_weights``; rank and alpha stand in its metadata."""
        from peft import get_peft_model_state_dict

        tensors: dict[str, Tensor] = {}
        settings: dict[str, Any] = {}
        for name, network in self._networks.items():
            state = get_peft_model_state_dict(network, adapter_name=ADAPTER)
            tensors |= {f"{name}.{_file_key(name, key)}": value.detach() for key, value in state.items()}
            config = network.peft_config[ADAPTER].to_dict()
            settings |= {f"{name}.{key}": _plain(config[key]) for key in SAVED}
        return [Artifact("lora", tensors, {"format": FORMAT, METADATA: json.dumps(settings, sort_keys=True)})]

    @torch.no_grad()
    def load(self, artifacts: Sequence[Artifact]) -> None:
        """Take the layers of an exported file.

        Raises:
            KeyError: the file lacks layers of this adapter, or holds others; they are listed.
            ValueError: it is of another model, or of another rank, alpha or kind of LoRA.
        """
        for artifact in artifacts:
            self._load_one(artifact)

    def _load_one(self, artifact: Artifact) -> None:
        artifact = replace(artifact, tensors={_with_weight(key): value for key, value in artifact.tensors.items()})
        require_fit(artifact.tensors, self._networks)
        [own] = self.export()
        given, here = (json.loads(one.metadata.get(METADATA, "{}")) for one in (artifact, own))
        for key in here:
            if not key.endswith(("lora_dropout", "target_modules")) and given.get(key, here[key]) != here[key]:
                raise ValueError(f"the LoRA file has {key} = {given[key]}, this run {here[key]}")
        for what, names in (
            ("lacks", own.tensors.keys() - artifact.tensors.keys()),
            ("holds unknown", artifact.tensors.keys() - own.tensors.keys()),
        ):
            if names:
                raise KeyError(f"the LoRA file {what} {len(names)} tensors: {', '.join(sorted(names)[:6])}")
        for key, tensor in own.tensors.items():
            if tensor.shape != (other := artifact.tensors[key]).shape:
                raise ValueError(f"{key} is {tuple(other.shape)} in the LoRA file, {tuple(tensor.shape)} in this run")
            tensor.copy_(other)  # what was exported shares the layers' memory


def _file_key(network: str, key: str) -> str:
    """A key as other programs know it: CLIP's layers lie in ``text_model`` there."""
    key = _with_weight(key)
    return f"text_model.{key}" if network == TEXT and layer_of(key) and not key.startswith("text_model.") else key


def _with_weight(key: str) -> str:
    """PEFT calls a DoRA's lengths ``lora_magnitude_vector``; transformers reads them only with ``.weight`` behind."""
    return f"{key}.weight" if key.endswith(".lora_magnitude_vector") else key


def _plain(value: Any) -> Any:
    """A setting as JSON takes it."""
    return sorted(value) if isinstance(value, set | frozenset | list | tuple) else value
