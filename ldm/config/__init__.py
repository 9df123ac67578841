"""From YAML files to one checked config: merged, resolved, every problem named at once.

- ``read``: files, their ``base``, dotlist overrides, interpolations;
- ``published``: keys of the published CelebBasis YAML that do nothing here, each with a warning;
- ``check``: the whole tree against the signatures of what it names;
- ``schema`` and ``words``: one signature as a schema, and in words.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ldm.config.check import check
from ldm.config.errors import ConfigError
from ldm.config.published import leave_out_published
from ldm.config.read import merge, merge_files, override, resolve
from ldm.config.schema import Injected

__all__ = ["ConfigError", "Injected", "load_config", "split_lightning", "to_yaml"]

logger = logging.getLogger(__name__)


def load_config(
    paths: Sequence[Path],
    overrides: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    *,
    required: Collection[str] = (),
) -> DictConfig:
    """The config that the files describe together: merged, resolved and checked as a whole. Nothing is built.

    Args:
        paths: YAML files, merged left to right. A file may name the file it starts from: ``base: v1.yaml``.
        overrides: ``key=value`` with dots, for example ``data.params.batch_size=1``; they are merged last.
        extra: what the caller itself sets (options of a command); between the files and the overrides.
        required: top-level keys that must be there.

    Raises:
        ConfigError: it lists every problem that was found, each with its path.
    """
    merged, unread = merge_files(paths)
    if unread and not merged:  # options and overrides alone are no config: all else would seem to be missing
        raise ConfigError(unread, paths)
    merged = merge(merged, extra or {})
    merged, wrong_overrides = override(merged, overrides)
    tree, unresolved = resolve(merged)
    problems = unread + wrong_overrides + unresolved
    if not unread:  # what stands in a file that cannot be read is not missing
        problems += [f"{key}: missing; the config needs this key at the top" for key in required if key not in tree]
    warnings, unsupported = leave_out_published(tree)
    for warning in warnings:
        logger.warning(warning)
    problems += unsupported + check(tree)
    if problems:
        raise ConfigError(problems, paths)
    return OmegaConf.create(tree)


def to_yaml(config: DictConfig) -> str:
    """The config as YAML text, for the run folder."""
    return OmegaConf.to_yaml(config, resolve=True)


def split_lightning(config: DictConfig) -> tuple[DictConfig, DictConfig]:
    """What is trained and how: the config without ``lightning``, and ``lightning`` alone (under that key)."""
    tree: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    lightning = tree.pop("lightning", None) or {}
    return OmegaConf.create(tree), OmegaConf.create({"lightning": lightning})
