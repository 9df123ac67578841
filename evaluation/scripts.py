"""The four numbered scripts, called as a newcomer calls them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.samples import Sample, read_samples
from evaluation.stages import Stages
from ldm.files import write_text

ROOT = Path(__file__).resolve().parents[1]
"""The checkout: where the scripts lie and run."""


class Scripts:
    """Calls the scripts as stages of one job.

    Args:
        stages: runs them and measures what they take.
        sd: the weights.
        config: the method.
    """

    def __init__(self, stages: Stages, sd: Path, config: Path) -> None:
        self.stages, self.sd, self.config = stages, sd, config
        # without a .venv in the checkout the scripts take the first python there is: it shall be this one
        self._env = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}

    def align(self, photos: Path, aligned: Path) -> Path:
        """Crop the faces of ``photos`` into ``aligned``; the manifest that lists them."""
        self.stages.run("align", ["bash", "00_align_face.sh", photos, aligned], self._env)
        return aligned.with_name(f"{aligned.name}.jsonl")

    def train(self, manifest: Path, logdir: Path, overrides: Sequence[str] = ()) -> Path:
        """Learn the people of ``manifest`` in a new run below ``logdir``; the run's folder.

        Raises:
            FileNotFoundError: training ended well, but there is no new run.
        """
        before = set(logdir.glob("*"))
        command: list[str | Path] = [
            "bash",
            "01_start_train.sh",
            self.sd,
            self.config,
            "--data_root",
            manifest,
            "-l",
            logdir,
            *overrides,
        ]
        self.stages.run("train", command, self._env)
        new = sorted(set(logdir.glob("*")) - before, key=lambda path: path.stat().st_mtime)
        if not new:
            raise FileNotFoundError(f"training ended well but left no run in {logdir}")
        return new[-1]

    def generate(self, run: Path, prompts: Sequence[str], each: int, out: Path, *extra: str) -> list[Sample]:
        """Draw ``each`` pictures of every prompt into ``out``; the pictures."""
        listing = out.with_name(f"{out.name}_prompts.txt")
        write_text(listing, "\n".join(prompts) + "\n")
        command: list[str | Path] = [
            "bash",
            "02_start_test.sh",
            self.sd,
            listing,
            run,
            str(each),
            "last",
            "--out",
            out,
            *extra,
        ]
        self.stages.run("generate", command, self._env)
        return read_samples(out)

    def extract(self, run: Path, out: Path) -> None:
        """Write the files that a user shares into ``out``."""
        self.stages.run("extract", ["bash", "03_extract.sh", self.sd, run, "--out", out], self._env)
