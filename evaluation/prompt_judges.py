"""Who says whether prompts are obeyed, by the file or folder that holds them."""

import json
from pathlib import Path

from evaluation.attributes import AttributeJudge, AttributeNet
from evaluation.gender import GenderNet, gender_file
from evaluation.obedience import ObedienceJudge
from evaluation.scores import PromptJudge
from evaluation.vision import ClipJudge
from ldm.faces.backend import load_backend


def load_prompt_judge(path: Path) -> PromptJudge:
    """The judge at ``path``: a transformers folder of CLIP, or networks that tell attributes (a ``.safetensors``).

    ``python -m ldm evaluate ... --celeba CELEBA`` trains the latter once and keeps them in ``outputs/judges``.

    Raises:
        FileNotFoundError: there is neither.
    """
    if path.is_dir():
        return ClipJudge(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no prompt judge at {path}: give a transformers folder of CLIP, or the attributes-*.safetensors "
            "that an evaluation with --celeba leaves in outputs/judges"
        )
    return ObedienceJudge(read_attributes(path))


def read_attributes(path: Path) -> AttributeJudge:
    """The judge of attributes that was kept at ``path``.

    Raises:
        ValueError: it is no such file.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error})") from error
    if missing := {"names", "accuracy", "gender", "thresholds"} - about.keys():
        raise ValueError(f"{path} holds no judge of attributes: its metadata lacks {', '.join(sorted(missing))}")
    names = tuple(json.loads(about["names"]))
    net = AttributeNet(len(names))
    net.load_state_dict(load_file(path))
    gender, accuracy = gender_file(), json.loads(about["accuracy"])
    if gender is not None:
        accuracy |= json.loads(about["gender"])
    return AttributeJudge(
        load_backend("yunet-sface").detector,
        net.eval(),
        names,
        json.loads(about["thresholds"]),
        accuracy,
        None if gender is None else GenderNet(gender),
    )
