"""From the command line to the run's config: files, what the options change, overrides; checked as a whole."""

import logging
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ldm.config import load_config
from ldm.config.read import merge_files
from ldm.runs.folder import RunFolder
from ldm.runs.options import Options
from ldm.util import get_obj_from_str, parameters_of

logger = logging.getLogger(__name__)

DEFAULT_DATA_ROOT = Path("infer_images/training")
"""Gives a run the first part of its name where no data is named, as in CelebBasis."""

PHOTOS = ("pickle_path", "photos", "folder", "data_root")
"""What data sets call the photos they take."""

Tree = dict[str, Any]


def config_of(options: Options, run: RunFolder | None = None) -> DictConfig:
    """The merged, checked config; going on with ``run``, its own config comes first.

    Raises:
        ConfigError: everything that is wrong with it.
        ValueError: an option has no place in this config.
    """
    files = [*(run.config_files() if run else []), *options.base]
    merged, _ = merge_files(files)  # what is wrong with the files is said by load_config
    return load_config(files, options.overrides, changes(options, merged), required=("model", "data"))


def changes(options: Options, merged: Tree) -> Tree:
    """What the options change in the merged files."""
    model, data = _params(merged.get("model")), _params(merged.get("data"))
    changed: Tree = {}
    if options.actual_resume:
        _put(changed, "model.params.ckpt_path", str(options.actual_resume))
    if options.seed is not None:
        for part in ("model", "data"):
            if "seed" in _takes(merged.get(part)):
                _put(changed, f"{part}.params.seed", options.seed)
    if options.data_root:
        for split in ("train", "validation"):
            if split in data:
                name, path = photos(data[split], options.data_root)
                _put(changed, f"data.params.{split}.params.{name}", str(path))
    if method := _method_changes(options, model.get("personalization_config")):
        _put(changed, "model.params.personalization_config.params", method)
    if options.scale_lr is not None:
        _put(changed, "model.scale_lr", options.scale_lr)
    if options.gpus is not None:
        for name, value in devices(options.gpus).items():
            _put(changed, f"lightning.trainer.{name}", value)
    if options.wandb:
        _put(changed, "lightning.logger", "wandb")
    return changed


def _method_changes(options: Options, node: Any) -> Tree:
    """What the options change in a method's parameters; of a Chain, in those of the first part that takes them.

    Raises:
        ValueError: no part of the Chain takes an option.
    """
    asked: Tree = {
        "embedding_manager_ckpt": options.embedding_manager_ckpt and str(options.embedding_manager_ckpt),
        "placeholder_strings": options.placeholder_string and [options.placeholder_string],
        "initializer_words": options.init_word and [options.init_word],
    }
    given = {name: value for name, value in asked.items() if value}
    parts: list[Tree] = deepcopy(_params(node).get("parts") or [])
    for name, value in given.items():
        taker: Any = next((part for part in parts if name in _takes(part)), None) if parts else node
        if taker is None:
            raise ValueError(f"no part of this config's Chain takes {name}")
        if name == "initializer_words":
            value += (_params(taker).get(name) or [])[1:]
        if parts:
            taker["params"] = {**_params(taker), name: value}
    return {"parts": parts} if parts and given else given


def photos(node: Mapping[str, Any], root: Path) -> tuple[str, Path]:
    """Which parameter of a data set takes the photos, and the path for it: beside a folder lies its manifest.

    Raises:
        ValueError: the data set takes no photos, or a folder was given that was not aligned.
    """
    name = next((name for name in _names_of_photos(node) if name in _takes(node)), None)
    if name is None:
        raise ValueError(f"--data_root: {node.get('target')} takes no photos; it takes {', '.join(_takes(node))}")
    if name != "pickle_path" or not root.is_dir():
        return name, root
    manifest = root.with_name(f"{root.name}.jsonl")
    if not manifest.is_file():
        raise ValueError(
            f"--data_root: {root} has no manifest {manifest.name} beside it; "
            "bash 00_align_face.sh PHOTOS OUT makes the folder OUT and OUT.jsonl"
        )
    return name, manifest


def require_photos(config: DictConfig) -> None:
    """Nothing, if the photos that the data sets name are there: to be asked before the weights are read.

    Raises:
        FileNotFoundError: some are not.
    """
    data = _params(OmegaConf.to_container(config.data, resolve=True))
    for split in ("train", "validation", "test"):
        for name in _names_of_photos(data.get(split)):
            if isinstance(path := _params(data.get(split)).get(name), str) and not Path(path).exists():
                raise FileNotFoundError(
                    f"data.params.{split}.params.{name}: {path} is not there; --data_root names the photos to train on"
                )


def _names_of_photos(node: Any) -> tuple[str, ...]:
    """What a data set may call its photos; ``pictures`` alone where its node names them: its folder is made of them."""
    return ("pictures",) if _params(node).get("pictures") else PHOTOS


def devices(gpus: str) -> Tree:
    """Lightning's accelerator and devices for ``--gpus``: "0," the first, "0,2" two of them, "2" any two, "-1" all."""
    import torch

    try:
        listed = [int(one) for one in gpus.split(",") if one.strip()]
    except ValueError:
        raise ValueError(f"--gpus: {gpus!r} given; '0,' is the first GPU, '2' are two, '-1' are all") from None
    if not torch.cuda.is_available():
        logger.warning("--gpus %s: there is no CUDA device here; going on with what there is", gpus)
        return {"accelerator": "auto", "devices": 1}
    return {"accelerator": "gpu", "devices": listed if "," in gpus else int(gpus)}


def datadir_of(options: Options) -> str:
    """What a run's name begins with."""
    root = options.data_root or DEFAULT_DATA_ROOT
    return (root.stem if root.suffix in (".jsonl", ".pickle") else root.name) if options.datadir_in_name else ""


def seed_of(options: Options, config: DictConfig) -> int:
    """The run's seed: the option's, else the model's in the config, else 23."""
    return options.seed if options.seed is not None else int((config.model.get("params") or {}).get("seed", 23))


def log_differences(run: RunFolder, config: DictConfig) -> None:
    """Name every entry in which ``config`` is not what ``run`` went with before."""
    if changed := list(differences(OmegaConf.to_container(saved_config(run)), OmegaConf.to_container(config))):
        logger.warning("going on with a changed config:%s", "".join(f"\n  {line}" for line in changed))


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """``path: old -> new`` for every entry in which two configs differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif old != new:
        yield f"{path}: {old!r} -> {new!r}"


def saved_config(run: RunFolder) -> DictConfig:
    """The config with which a run went before, as it was saved."""
    merged = OmegaConf.merge(*(OmegaConf.load(file) for file in run.config_files()))
    assert isinstance(merged, DictConfig)  # RunFolder writes mappings
    return merged


def _params(node: Any) -> Mapping[str, Any]:
    params = node.get("params") if isinstance(node, Mapping) else None
    return params if isinstance(params, Mapping) else {}


def _takes(node: Any) -> list[str]:
    try:
        return list(parameters_of(get_obj_from_str(node["target"])))
    except (ImportError, KeyError, TypeError):  # said by load_config, with the path
        return []


def _put(tree: Tree, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value
