"""What results are made of, as short hashes for :func:`ldm.runs.claim.claim`: configs, what a run left, who judged."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from evaluation.studies.attribute_judge import JUDGED, attribute_file
from evaluation.studies.document import without_folders
from ldm.config import ConfigError
from ldm.config.read import merge_files
from ldm.runs.aligned_folder import sha256_of
from ldm.runs.load import Step, find_run, step_of


def digest(folder: Path, names: Sequence[str] = ("*",)) -> str:
    """16 hex digits that stand for the files in ``folder``, or for those called ``names``; or for the file it is."""
    total = hashlib.sha256()
    there = [folder] if folder.is_file() else [file for name in names for file in folder.rglob(name) if file.is_file()]
    for file in sorted(there):
        total.update(file.relative_to(folder).as_posix().encode())
        total.update(sha256_of(file).encode())
    return total.hexdigest()[:16]


def config_digest(config: Path) -> str:
    """16 hex digits that stand for what a config says, with its bases; comments do not count.

    Raises:
        ConfigError: it, or a base, cannot be read.
    """
    tree, unread = merge_files([config])
    if unread:
        raise ConfigError(unread, [config])
    return hashlib.sha256(json.dumps(tree, sort_keys=True, default=str).encode()).hexdigest()[:16]


def run_files(run: Path | None, step: Step = None) -> list[str]:
    """16 hex digits of each file that a run exported at ``step``, in the order of names; none without a run.

    Networks, which are folders, are told by the model's own ``weights_folder``.
    """
    if run is None:
        return []
    folder = find_run(run)
    return [sha256_of(file)[:16] for file in folder.exported(step_of(folder, step)) if file.is_file()]


def judged_by(judge: str) -> str:
    """A judge as a page names it, and 16 hex digits of its network where that is a file of the user's."""
    file = Path(judge.partition(":")[0])
    return without_folders(judge) + (f" {sha256_of(file)[:16]}" if file.is_file() else "")


def attributes_by(celeba: Path | None, names: Sequence[str] = JUDGED) -> str | None:
    """16 hex digits of the judge of the attributes ``names`` that is trained on the CelebA in ``celeba``, if any."""
    return None if celeba is None else sha256_of(attribute_file(celeba, names=names))[:16]
