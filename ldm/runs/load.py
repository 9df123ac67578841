"""A finished run as a model, and as a diffusers pipeline."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from ldm.modules.artifacts import read_artifact
from ldm.runs.folder import RunFolder
from ldm.util import instantiate_from_config

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from ldm.models.diffusion.pipelines import PersonPipeline

MEAN = -1
"""In place of a person: the coefficients at the basis mean, what is drawn of nobody in particular."""


def load_model(run: Path, sd: Path | None = None, step: int | None = None) -> "LatentDiffusion":
    """The ``LatentDiffusion`` of a run, with what the run exported after ``step``.

    Args:
        run: the run's folder.
        sd: weights to use instead of those that the run was trained on.
        step: counted from 0; the last one if None.

    Raises:
        FileNotFoundError: there is no such run.
        LookupError: the run has no exported files of that step; the steps that there are, are listed.
    """
    folder = RunFolder.open(run)
    config = OmegaConf.to_container(OmegaConf.load(folder.project_config), resolve=True)
    assert isinstance(config, dict)  # a project file is a mapping: RunFolder wrote it
    model_config: dict[str, Any] = config["model"]
    params = model_config["params"]
    if sd is not None:
        params["ckpt_path"] = str(sd)
    files = folder.exported(step)
    artifacts = [read_artifact(file) for file in files if file.suffix == ".safetensors"]
    if networks := [file for file in files if file.is_dir()]:
        params["ckpt_path"] = str(networks[0])
    if bases := {artifact.metadata["basis"] for artifact in artifacts if "basis" in artifact.metadata}:
        text = params.setdefault("cond_stage_config", {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder"})
        text.setdefault("params", {})["basis_file"] = str(folder.checkpoints / f"basis-{bases.pop()}.safetensors")
    model: LatentDiffusion = instantiate_from_config(model_config)
    if artifacts:
        model.personalization.load(artifacts)
    return model.eval()


def untrained(sd: Path) -> "LatentDiffusion":
    """The plain model in ``sd``, in which no placeholder is a person."""
    from ldm.models.diffusion.ddpm import LatentDiffusion

    return LatentDiffusion(sd).eval()


def manager_of(model: Any) -> Any:
    """The part of a model's personalization that knows people.

    Raises:
        LookupError: it has none.
    """
    for part in model.personalization.modules():
        if hasattr(part, "person_vectors"):
            return part
    raise LookupError("this run did not learn people on the celeb basis")


@torch.no_grad()
def people_vectors(model: Any, people: Sequence[int]) -> Tensor:
    """(P, E, D) token vectors of trained people by index; ``MEAN`` stands for nobody in particular.

    Raises:
        LookupError: a person was not trained; those who were are listed.
    """
    manager = manager_of(model)
    return torch.stack([manager.basis.mean if who == MEAN else manager.person_vectors(who) for who in people])


def load(
    run: Path | str,
    people: Sequence[int] | None = None,
    step: int | None = None,
    sd: Path | None = None,
    sampler: str | None = None,
) -> "PersonPipeline":
    """A diffusers pipeline in which a run's placeholders are people.

    Example:
        >>> pipe = load("logs/training2026-11-21T10-00-00_celebbasis")
        >>> pipe("a photo of sks", generator=torch.Generator().manual_seed(42)).images[0]

    Args:
        run: the run's folder.
        people: who stands for the first placeholder, the second, ...; None takes all in the order of training.
        step: counted from 0; the last one if None.
        sd: weights to use instead of those that the run was trained on.
        sampler: ddim, dpm++, euler, pndm or ddpm; the model's own if None.
    """
    from ldm.models.diffusion.pipelines import PersonPipeline

    model = load_model(Path(run), sd, step)
    try:
        chosen = manager_of(model).memory.trained() if people is None else list(people)
    except LookupError:
        return PersonPipeline.of(model, None, sampler)
    return PersonPipeline.of(model, people_vectors(model, chosen), sampler)
