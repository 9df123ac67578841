"""Where a run lies: ``logs/<prefix>_<name>/`` with configs, checkpoints, pictures."""

import itertools
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ldm.config import split_lightning, to_yaml
from ldm.files import require_writable, sweep, write_json, write_text
from ldm.runs.processes import FOLDER_VARIABLE, agree_on_folder, process_rank
from ldm.runs.whole import fault

logger = logging.getLogger(__name__)

CHECKPOINTS = ("last.ckpt", "previous.ckpt")
"""What a run can go on from, newest first."""

EXPORT = re.compile(r"(?P<name>.+)_gs-(?P<step>\d+)(\.safetensors|\.pt)?")


@dataclass(frozen=True)
class RunFolder:
    """A run on disk.

    Attributes:
        path: the folder.
        prefix: what its config files begin with: the data's name and the time.
        made: it was not there before; ``create`` made it, in this process.
    """

    path: Path
    prefix: str
    made: bool = field(default=False, compare=False)

    @classmethod
    def create(
        cls, logdir: Path, name: str, config: DictConfig, environment: Mapping[str, Any], datadir: str = ""
    ) -> "RunFolder":
        """Make a new run's folder and write its configs.

        Two runs that start in the same second get different folders. In a further process of a run (ddp) this is the
        folder that the first process made.

        Args:
            logdir: where runs lie.
            name: what the run is called, after the time.
            config: the merged config.
            environment: versions, command line, seed; goes to ``configs/environment.json``.
            datadir: the data's name, put before the time.

        Raises:
            OSError: ``logdir`` cannot be written.
            RuntimeError: this is a further process, and nothing tells which folder the first one made.
        """
        if process_rank() > 0:
            return cls.open(agree_on_folder())
        run = cls._make(logdir, f"_{name}" if name else "", datadir)
        try:
            for folder in (run.configs, run.checkpoints, run.images):
                folder.mkdir(exist_ok=True)
            run.write_configs(config)
            write_json(run.configs / "environment.json", environment)
            agree_on_folder(run.path)
        except BaseException:
            run.discard()
            raise
        return run

    @classmethod
    def _make(cls, logdir: Path, suffix: str, datadir: str) -> "RunFolder":
        now = datadir + datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
        if given := os.environ.get(FOLDER_VARIABLE):
            made = not Path(given).exists()
            require_writable(Path(given))
            return cls(Path(given), now, made)
        require_writable(logdir)
        for attempt in itertools.count(1):
            prefix = now if attempt == 1 else f"{now}-{attempt}"
            try:
                (logdir / f"{prefix}{suffix}").mkdir()
            except FileExistsError:
                continue
            break
        return cls(logdir / f"{prefix}{suffix}", prefix, made=True)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The run at ``path``: its folder, or a file in its ``checkpoints/``.

        Raises:
            FileNotFoundError: there is no run; the message names the runs beside it.
        """
        folder = path.parent.parent if path.is_file() or path.suffix == ".ckpt" else path
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such run; {_runs_in(folder.parent)}")
        projects = sorted(folder.glob("configs/*-project.yaml"))
        if not projects:
            raise FileNotFoundError(f"{folder} is no run: it has no configs/*-project.yaml; {_runs_in(folder)}")
        return cls(folder, projects[-1].name.removesuffix("-project.yaml"))

    def discard(self) -> None:
        """Remove the folder if it was made for a start that failed; one that was there before stays."""
        if self.made:
            shutil.rmtree(self.path, ignore_errors=True)
            logger.warning("nothing was trained: %s is removed again", self.path)

    @property
    def configs(self) -> Path:
        """The folder of the configs."""
        return self.path / "configs"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints and exported files."""
        return self.path / "checkpoints"

    @property
    def images(self) -> Path:
        """The folder of pictures made while training."""
        return self.path / "images"

    @property
    def project_config(self) -> Path:
        """The config without the lightning section."""
        return self.configs / f"{self.prefix}-project.yaml"

    @property
    def lightning_config(self) -> Path:
        """The config's lightning section."""
        return self.configs / f"{self.prefix}-lightning.yaml"

    def write_configs(self, config: DictConfig) -> None:
        """Write the merged config as two files, each atomically."""
        project, lightning = split_lightning(config)
        write_text(self.lightning_config, to_yaml(lightning))
        write_text(self.project_config, to_yaml(project))

    def go_on(self, config: DictConfig, environment: Mapping[str, Any]) -> None:
        """Keep the config that the run goes on with, and the versions beside those it began with.

        What a killed process left half-written among configs and pictures is gone then.
        """
        if process_rank() > 0:
            return
        for folder in (self.configs, self.images, self.images / "train"):
            sweep(folder)
        self.write_configs(config)
        path = self.configs / "environment.json"
        began = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        write_json(path, began | {"went_on": [*began.get("went_on", []), environment]})

    def config_files(self) -> list[Path]:
        """The run's config files, to be merged in this order.

        Raises:
            FileNotFoundError: one is missing.
        """
        files = [self.project_config, self.lightning_config]
        for file in files:
            if not file.is_file():
                raise FileNotFoundError(f"{file} is missing: the run cannot be read without it")
        return files

    def steps(self) -> list[int]:
        """The steps of which files were exported, rising; steps count from 0."""
        found = (EXPORT.fullmatch(file.name) for file in self.checkpoints.glob("*_gs-*"))
        return sorted({int(match["step"]) for match in found if match})

    def exported(self, step: int | None = None) -> list[Path]:
        """The files exported after ``step`` (counted from 0), by name; none given: after the last such step.

        Raises:
            LookupError: there are none; the message lists the steps that exist.
        """
        steps = self.steps()
        step = steps[-1] if step is None and steps else step
        if step not in steps:
            there = f"there are the steps {', '.join(map(str, steps))}" if steps else "nothing was exported yet"
            raise LookupError(f"{self.path} has no exported files{'' if step is None else f' of step {step}'}; {there}")
        return sorted(
            file
            for file in self.checkpoints.glob("*_gs-*")
            if (match := EXPORT.fullmatch(file.name)) and int(match["step"]) == step
        )

    def checkpoint(self, given: Path | None = None) -> Path:
        """The newest whole checkpoint; a damaged one is passed over with one line that says so.

        Args:
            given: a checkpoint of this run that was asked for; then it is this one or none.

        Raises:
            FileNotFoundError: there is no whole checkpoint; the message says what is there.
        """
        faults: list[str] = []
        for path in [given] if given and given != self.path else [self.checkpoints / name for name in CHECKPOINTS]:
            wrong = fault(path)
            if wrong is None:
                if faults:
                    logger.warning("%s; going on from %s", "; ".join(faults), path)
                return path
            faults.append(f"{path}: {wrong}")
        raise FileNotFoundError(f"{self.path} has no checkpoint to go on from: {'; '.join(faults)}")

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Inside the block, further processes of this run find its folder."""
        os.environ[FOLDER_VARIABLE] = str(self.path.resolve())
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def _runs_in(folder: Path) -> str:
    runs = sorted(path.parent.parent.name for path in folder.glob("*/configs/*-project.yaml"))
    if not runs:
        return f"{folder} holds no runs"
    more = f" and {len(runs) - 10} more" if len(runs) > 10 else ""
    return f"{folder} holds {', '.join(runs[-10:])}{more}"
