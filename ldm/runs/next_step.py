"""What to type after a training, to see what it has learned."""

import json
import shlex
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ldm.modules.artifacts import read_artifact
from ldm.runs.folder import RunFolder
from ldm.runs.load import LOGS


def next_step(run: RunFolder, config: DictConfig) -> str | None:
    """The command that draws what the run learned, by what lies there; None where there is nothing to draw.

    People are drawn by the third numbered script, somebody alone by a prompt without a second person, other methods by
    the first prompt of their previews.
    """
    called = run.path.name if run.path.parent == LOGS else str(run.path)
    weights = str(OmegaConf.select(config, "model.params.ckpt_path") or "")
    if weights and _has(run, "embeddings_gs-*"):
        if word := _only_person(run):
            return shlex.join(["python", "-m", "ldm", "generate", "--run", called, "--prompt", f"a photo of {word}"])
        return shlex.join(["bash", "02_start_test.sh", weights, "infer_images/example_prompt.txt", called])
    if weights and _has(run, "controlnet_gs-*"):
        control = OmegaConf.select(config, "data.params.train.params.control") or "canny"
        words = ["--sd", weights, "--prompt", _prompt(config) or "a photo", "--controlnet", str(run.path)]
        return shlex.join(["python", "-m", "ldm", "generate", *words, "--control", control]) + " --control-image PHOTO"
    if (prompt := _prompt(config)) and run.steps():
        return shlex.join(["python", "-m", "ldm", "generate", "--run", called, "--prompt", prompt])
    return None


def _has(run: RunFolder, pattern: str) -> bool:
    return any(run.checkpoints.glob(pattern))


def _only_person(run: RunFolder) -> str | None:
    """The word for the only person that a run has learned; None where there are more, or none by number.

    The example prompts ask for a second person too, whom such a run does not have: that is an error.
    """
    for file in run.exported():
        if file.name.startswith("embeddings_gs-") and file.suffix == ".safetensors":
            people = read_artifact(file)
            if len(people.tensors.get("ids", ())) == 1:
                return str(json.loads(people.metadata["placeholder_strings"])[0])
    return None


def _prompt(config: DictConfig) -> str | None:
    """A prompt that shows what was learned: the first of the previews, else that of the pictures."""
    previews: Any = OmegaConf.select(config, "lightning.callbacks.previews.params")
    if previews is not None and previews.get("prompts"):
        return str(previews.prompts[0])
    file = None if previews is None else previews.get("prompts_file")
    if file and Path(file).is_file():
        from ldm.runs.draw import read_prompts

        return read_prompts(Path(file))[0]
    prompt = OmegaConf.select(config, "data.params.train.params.instance_prompt")
    return str(prompt) if prompt and "{" not in prompt and "[" not in prompt else None
