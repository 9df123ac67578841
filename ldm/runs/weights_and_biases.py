"""W&B: a logger that goes offline by itself, keeps its run id with the run, and has a table of people."""

import json
import logging
import netrc
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, build_opener

from PIL import Image
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from ldm.files import write_json
from ldm.runs.folder import RunFolder
from ldm.runs.processes import process_rank

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
COLUMNS = ["person", "prompt", "step", "picture", "identity"]


class Wandb(WandbLogger):
    """Logs a run to W&B, online or in ``<run>/wandb``.

    Args:
        run: the run's folder; its ``configs/wandb.json`` keeps the id, so that a resumed run goes on in the same place.
        project: W&B's project.
        name: the run's name; none: the folder's.
        tags: W&B's tags.
        group: W&B's group.
        offline: True: always, False: never, none: when there is no login or no network.
        log_model: keep checkpoints and exported files as artifacts.
    """

    def __init__(
        self,
        run: RunFolder,
        project: str = "celebbasis",
        name: str | None = None,
        tags: Sequence[str] = (),
        group: str | None = None,
        offline: bool | None = None,
        log_model: bool = False,
    ) -> None:
        why = "lightning.wandb.offline" if offline else why_offline() if offline is None else None
        if why and process_rank() == 0:
            logger.warning("W&B stays offline (%s); send it later: wandb sync %s/wandb/offline-run-*", why, run.path)
        super().__init__(
            name=name or run.path.name,
            save_dir=str(run.path.resolve()),
            id=run_id(run),
            project=project,
            tags=list(tags),
            group=group,
            mode="offline" if why else "online",
            resume=None if why else "allow",
        )
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, wandb warns that it does nothing
        self.keeps_files = log_model
        self._people: Any = None

    @rank_zero_only
    def log_files(self, files: list[Path], step: int) -> None:
        """Keep ``files`` as the next version of the run's artifact, if ``log_model`` was asked for."""
        if not self.keeps_files:
            return
        import wandb

        artifact = wandb.Artifact(f"run-{self.version}", type="model", metadata={"step": step})
        for file in files:
            if file.is_file():
                artifact.add_file(str(file), policy="mutable")
        self.experiment.log_artifact(artifact, aliases=["latest", f"gs-{step}"])

    @rank_zero_only
    def log_people(self, rows: Sequence[tuple[str, str, int, Image.Image, float | None]], step: int) -> None:
        """Append rows (person, prompt, step, picture, identity) to the table ``people``."""
        import wandb

        if self._people is None:
            self._people = wandb.Table(columns=COLUMNS, log_mode="INCREMENTAL")
        for person, prompt, at, picture, identity in rows:
            self._people.add_data(person, prompt, at, wandb.Image(picture), identity)
        self.log_metrics({"people": self._people}, step=step)

    @rank_zero_only
    def finish(self) -> None:
        """Send or write all that is left."""
        if self._experiment is not None:
            self._experiment.finish()


def run_id(run: RunFolder) -> str:
    """The id under which W&B knows the run: made at the first call, kept in the run's folder."""
    path = run.configs / "wandb.json"
    if path.is_file():
        return str(json.loads(path.read_text(encoding="utf-8"))["id"])
    made = secrets.token_hex(4)
    write_json(path, {"id": made})
    return made


def why_offline() -> str | None:
    """Why W&B cannot be reached: told so, no login, no network; None when it can."""
    if os.environ.get("WANDB_MODE", "online") in ("offline", "dryrun"):
        return f"WANDB_MODE={os.environ['WANDB_MODE']}"
    address = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    name = urlsplit(address).hostname or ""
    if not _has_login(name):
        return "no login: `wandb login` makes one"
    try:
        asked = Request(f"{address}/", method="HEAD")
        build_opener().open(asked, timeout=CONNECT_TIMEOUT_S).close()  # by a proxy, if one is set
    except HTTPError:
        return None  # it answered
    except (OSError, ValueError) as error:
        return f"{name or address} cannot be reached: {getattr(error, 'reason', error)}"
    return None


def _has_login(host: str) -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    candidates = [os.environ.get("NETRC"), "~/.netrc", "~/_netrc"]
    for path in (Path(candidate).expanduser() for candidate in candidates if candidate):
        try:
            if netrc.netrc(path).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False
