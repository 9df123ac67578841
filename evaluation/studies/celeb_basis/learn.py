"""Learn people by the real trainer, one model for all arms: networks are read once, varied photos encoded once."""

import inspect
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from evaluation.studies.celeb_basis.arms import Arm
from evaluation.studies.celeb_basis.bases import basis_of, model_names
from evaluation.studies.timing import Case
from ldm.config import load_config
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.objective import DiffusionObjective
from ldm.modules.optimizer import AdamW
from ldm.runs.train import build_model, scaled_learning_rate
from ldm.util import instantiate_from_config

SEED = 23
"""Of training: variants, captions, noise and timesteps are the same in all arms."""
TAKEN = {
    "ckpt_path",
    "personalization_config",
    "cond_stage_config",
    "objective_config",
    "optimizer_config",
    "caption_dropout",
    "face_crop",
    "seed",
}
"""Of the model's parameters those in which arms may differ: the networks are read once."""
FREE = "ldm.modules.textual_inversion.TextualInversion"


@dataclass(frozen=True)
class Learned:
    """What a run left.

    Attributes:
        vectors: (P, E, D) token vectors of the run's people.
        steps: of the run.
        batch_size: pictures a step.
        seconds: of the processor, for the whole run; other work on the machine does not count.
    """

    vectors: Tensor
    steps: int
    batch_size: int
    seconds: float


class Learner:
    """Learns people in any arm on one model.

    Args:
        sd: the weights.
        manifest: aligned faces of everybody.
        people: everybody, in the manifest's order.
    """

    def __init__(self, sd: Path, manifest: Path, people: Sequence[str]) -> None:
        self.sd, self.manifest, self.people = sd, manifest, list(people)
        model: Any = build_model(self._config(Arm("", ""), [0], 1), SEED)
        self.model = model
        self.names: CelebBasis = model.cond_stage_model.celeb_basis
        self._data: dict[str, Any] = {}

    def _config(self, arm: Arm, places: Sequence[int], steps: int | None) -> DictConfig:
        """The arm's config for the people at ``places``, checked."""
        given = [
            f"model.params.ckpt_path={self.sd}",
            f"data.params.train.params.pickle_path={self.manifest}",
            f"data.params.train.params.specific_ids={list(places)}",
            "data.params.train.params.num_ids=null",
            "model.params.personalization_config.params.max_ids=100",
            *arm.overrides,
        ]
        given += [] if steps is None else [f"lightning.trainer.max_steps={steps}"]
        return load_config([arm.config], given, required=("model", "data"))

    def steps_of(self, arm: Arm) -> int:
        """Steps of a run of ``arm`` by its config."""
        return int(self._config(arm, [0], None).lightning.trainer.max_steps)

    def learn(self, arm: Arm, people: Sequence[str], steps: int | None) -> Learned:
        """Learn ``people`` in one run of ``steps``; None is what the config says."""
        places = sorted(self.people.index(person) for person in people)
        config = self._config(arm, places, steps)
        tree: Any = OmegaConf.to_container(config, resolve=True)
        self._personalize(arm, tree["model"]["params"])
        data = self._data_of(tree["data"])
        data.setup("fit")  # pictures are varied and encoded here: once, whatever the number of arms
        case = Case(arm.key, self.model, data, tree["lightning"]["trainer"], 0, encodes=False)
        trainer = case.trainer(int(tree["lightning"]["trainer"]["max_steps"]))
        self.model.learning_rate = scaled_learning_rate(config, trainer)
        began = time.process_time()
        trainer.fit(self.model, case.data)
        seconds = time.process_time() - began
        self.model.eval()
        order = [places.index(self.people.index(person)) for person in people]
        method = self.model.personalization
        with torch.no_grad():
            free = [] if arm.kind == "basis" else [method.vectors[0].clone()]
            vectors = torch.stack(free or [method.person_vectors(place) for place in order])
        return Learned(vectors, trainer.global_step, int(tree["data"]["params"]["batch_size"]), seconds)

    def _personalize(self, arm: Arm, params: Mapping[str, Any]) -> None:
        """Give the model what the arm's config says, as its constructor does: untrained, the networks frozen.

        Raises:
            ValueError: the config differs in something that only building the model anew would change.
        """
        for key in params.keys() - TAKEN:
            if params[key] != (default := inspect.signature(LatentDiffusion).parameters[key].default):
                raise ValueError(
                    f"arm {arm.key}: model.params.{key} is {params[key]}, but arms share a model with {default}"
                )
        model, stage = self.model, self.model.cond_stage_model
        model.faces = model.faces.with_crop(params.get("face_crop", "five_points"))
        pl.seed_everything(SEED, verbose=False)
        known = {"tokenizer": stage.tokenizer, "text_encoder": stage.transformer}
        found = instantiate_from_config(params["cond_stage_config"], **known, model_celeb_txt=model_names(model))
        model.personalization = instantiate_from_config(
            self._method(arm, params),
            tokenizer=stage.tokenizer,
            max_length=stage.max_length,
            basis=basis_of(found.celeb_basis, arm.axes, arm.num_components, model),
            face_encoder=lambda: model.faces.vectors,
        )
        model.personalization.attach(model.unet, stage.transformer)
        for name, default in (("objective", DiffusionObjective), ("optimizer", AdamW)):
            node = params.get(f"{name}_config")
            setattr(model, name, instantiate_from_config(node) if node else default())
        model.caption_dropout, model.seed = params.get("caption_dropout", 0.0), params.get("seed", SEED)

    def _method(self, arm: Arm, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node of the arm's method."""
        if arm.kind == "free":
            return {"target": FREE, "params": {"placeholder_strings": ["sks"], "num_vectors": self.names.num_vectors}}
        node: Mapping[str, Any] = params["personalization_config"]
        return node

    def _data_of(self, node: Mapping[str, Any]) -> Any:
        """The data of a config; made once where arms share it."""
        key = f"{self.model.face_encoder_name} {node!r}"
        if key not in self._data:
            self._data[key] = instantiate_from_config(node)
            self._data[key].inject(model=self.model)
        return self._data[key]
