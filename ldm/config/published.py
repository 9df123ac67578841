"""Keys of the published CelebBasis and LDM YAML that do nothing here: taken out, each with a line that says why.

Source: the YAML files of CelebBasis (aigc_id, aigc_id_infer, the Colab ones) and of latent-diffusion v1.
A key goes only where the constructor of today has no parameter of that name. Where a parameter of today decides whether
a run is the published method, and an old file cannot name it, a line says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ldm.config.read import Tree
from ldm.config.schema import shown, signature_of
from ldm.util import get_obj_from_str


@dataclass(frozen=True)
class Old:
    """Why a key is left out.

    Attributes:
        why: completes "left out: ...".
        harmless: the values that changed nothing; another value is an error. Empty: no value ever changed anything.
    """

    why: str
    harmless: tuple[Any, ...] = ()


DEAD = Old("it never had an effect")
WEIGHTS = Old("it is read from the weights now")
BATCH = Old("the words of a batch are fixed now: image and caption", ("image", "caption", "jpg", "txt"))
BASIS = Old("it is read from the celeb basis now: cond_stage_config")
SLOT = Old("what is trained is said by personalization_config now")
FACES = {
    "images_per_id": DEAD,
    "reg_ids": DEAD,
    "reg_repeats": DEAD,
    "diff_cnt": Old("it fed losses that were multiplied by zero"),
}

PUBLISHED_KEYS: dict[str, dict[str, Old]] = {
    "LatentDiffusion": {
        "linear_start": WEIGHTS,
        "linear_end": WEIGHTS,
        "timesteps": WEIGHTS,
        "image_size": WEIGHTS,
        "channels": WEIGHTS,
        "scale_factor": WEIGHTS,
        "conditioning_key": WEIGHTS,
        "first_stage_config": WEIGHTS,
        "unet_config": WEIGHTS,
        "cond_stage_trainable": SLOT,
        "unfreeze_model": Old("what is trained is said by personalization_config now (FullFinetune)", (False,)),
        "model_lr": Old("what is trained, and how fast, is said by personalization_config now", (0, 0.0)),
        "num_timesteps_cond": DEAD,
        "log_every_t": DEAD,
        "monitor": DEAD,
        "first_stage_key": BATCH,
        "cond_stage_key": BATCH,
        "embedding_reg_weight": Old("the loss it weighed is not kept", (0, 0.0)),
        "use_ema": Old("the EMA is a callback now: lightning.callbacks", (False,)),
    },
    "EmbeddingManagerId": {
        "initializer_words": Old("people start from the celeb basis; these vectors were never used"),
        "num_embeds_per_token": BASIS,
        "meta_inner_dim": BASIS,
        "num_ids": DEAD,
        "use_header": DEAD,
        "use_expert": DEAD,
        "save_fp16": Old("exported files are float32, a few kilobytes", (False,)),
        "loss_type": Old("its losses were multiplied by zero or taken over the wrong axis", ("none", None)),
        "use_rm_mlp": Old("this ablation is not kept", (False,)),
        "vis_mean": Old("this ablation is not kept", (False,)),
        "meta_heads": Old("there is one set of coefficients for each vector", (1,)),
    },
    "FrozenCLIPEmbedder": {
        "version": WEIGHTS,
        "device": Old("the device is the trainer's"),
        "use_svd": Old("the axes are always the principal ones", (True,)),
        "use_sample_reduce": Old("it is not kept; n_components says how many axes are used", (False,)),
        "n_samples": Old("it had an effect together with use_sample_reduce only"),
    },
    "FaceIdDatasetOneShot": FACES,
    "FaceIdDatasetStyleGAN3": FACES,
    "DataModuleFromConfig": {"wrap": Old("there is no wrapping", (False,))},
    "ImageLogger": {
        "increase_log_steps": Old("pictures come every batch_frequency steps", (False,)),
        "clamp": Old("pictures are always cut to [-1, 1]", (True,)),
        "rescale": Old("pictures are always brought from [-1, 1] to [0, 255]", (True,)),
    },
}

MOVED = {
    "ldm.data.face_id.FaceIdDatasetE4T": "ldm.data.face_id.FaceIdDatasetOneShot",
    "ldm.data.face_id.FaceIdDatasetNobody": "ldm.data.face_id.FaceIdDatasetOneShot",
    "main.DataModuleFromConfig": "ldm.data.module.DataModuleFromConfig",
    "main.ImageLogger": "ldm.runs.callbacks.ImageLogger",
}

FACES_SINCE = {
    "background": "black",
    "background_weight": 1.0,
    "augmentation": "published",
    "captions": "face",
    "num_variants": 0,
    "pair_p": 0.0,
}
SINCE: dict[str, dict[str, Any]] = {
    "LatentDiffusion": {"face_crop": "published"},
    "EmbeddingManagerId": {"coefficient_scale": "unit"},
    "FaceIdDatasetOneShot": FACES_SINCE,
    "FaceIdDatasetStyleGAN3": FACES_SINCE,
}
"""What no published file says, and its value there."""
PUBLISHED = "configs/stable-diffusion/aigc_id.yaml"

# A network that was described in YAML, in CompVis words; the weights folder describes it now.
COMPVIS_NETWORKS = {"unet_config": "model_channels", "first_stage_config": "ddconfig"}


def leave_out_published(tree: Tree) -> tuple[list[str], list[str]]:
    """Take the old keys out of ``tree``, in place. Warnings to log, and values that cannot be left out silently."""
    warnings: list[str] = []
    problems: list[str] = []
    unsaid: list[str] = []
    for path, node in list(_nodes(tree, "")):
        if node["target"] in MOVED:
            warnings.append(f"{path}.target: {node['target']} is {MOVED[node['target']]} now")
            node["target"] = MOVED[node["target"]]
        name = node["target"].rpartition(".")[2]
        known = PUBLISHED_KEYS.get(name, {})
        params = node.get("params")
        if not isinstance(params, dict) or not known.keys() & params.keys():
            continue
        lacking = [f"{key}: {value}" for key, value in SINCE.get(name, {}).items() if key not in params]
        if lacking:
            unsaid.append(f"{path}.params ({', '.join(lacking)})")
        taken = _parameters(node["target"])
        for key in [key for key in params if key in known and (key not in taken or _compvis(key, params[key]))]:
            old, value, place = known[key], params.pop(key), f"{path}.params.{key}"
            if old.harmless and shown(value) not in [shown(one) for one in old.harmless]:
                options = shown(old.harmless[0])
                problems.append(f"{place}: {shown(value)} given, {options} wanted, or leave it out: {old.why}")
            else:
                warnings.append(f"{place}: left out: {old.why}")
    if unsaid:
        warnings.append(
            f"not in this file, so our own values are used; the published ones, as in {PUBLISHED}, are "
            + "; ".join(unsaid)
        )
    return warnings, problems


def _nodes(value: Any, path: str) -> Iterator[tuple[str, Tree]]:
    """Every mapping with a ``target``, with its path, the outer before the inner."""
    if isinstance(value, dict):
        if isinstance(value.get("target"), str):
            yield path, value
        for key, inner in value.items():
            yield from _nodes(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nodes(inner, f"{path}[{index}]")


def _parameters(target: str) -> set[str]:
    try:
        return set(signature_of(get_obj_from_str(target)).parameters)
    except ImportError:  # said by the check, with the path
        return set()


def _compvis(key: str, value: Any) -> bool:
    params = value.get("params") if isinstance(value, dict) else None
    return isinstance(params, dict) and COMPVIS_NETWORKS.get(key) in params
