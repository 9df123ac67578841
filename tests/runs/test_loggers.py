import json
import logging
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ldm.data.module import DataModuleFromConfig
from ldm.data.sampling import SampleKey
from ldm.runs import callbacks
from ldm.runs.folder import RunFolder
from ldm.runs.loggers import Row, build_loggers, log_config, log_people
from ldm.runs.trainer import build_trainer
from ldm.runs.weights_and_biases import Wandb, run_id, why_offline
from tests.runs.tiny import TinyData, TinyModel, tiny_tree

BLOCK, HEADER = 32 * 1024, struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    return RunFolder.create(tmp_path, "tiny", OmegaConf.create(tiny_tree()), {})


def train(run: RunFolder, **lightning: Any) -> list[Any]:
    section = tiny_tree(**lightning)["lightning"]
    section["callbacks"] = {
        "image_logger": {"target": "ldm.runs.callbacks.ImageLogger", "params": {"batch_frequency": 4}}
    }
    loggers = build_loggers(section, run)
    log_config(loggers, {"model": {"base_learning_rate": 0.05}})
    data = DataModuleFromConfig(2, {"target": "tests.runs.tiny.TinyData"})
    build_trainer(section, run, loggers).trainer.fit(TinyModel(), data)
    return loggers


def records(path: Path) -> Iterator[Any]:
    """The records of an offline W&B file: a log in blocks of 32 KiB, each piece behind 7 bytes (crc, length, kind)."""
    from wandb.proto import wandb_internal_pb2

    data, place, whole = path.read_bytes(), 7, b""  # 7 bytes: magic and version
    while place + HEADER.size <= len(data):
        if BLOCK - place % BLOCK < HEADER.size:  # the rest of a block that holds no header is padding
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        piece = data[place + HEADER.size : place + HEADER.size + length]
        place += HEADER.size + length
        whole = piece if kind in (FULL, FIRST) else whole + piece
        if kind in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record


def wait_for_the_end(path: Path) -> None:
    """W&B's own process closes the file a moment after ``finish`` has returned."""
    for _ in range(100):
        if any(record.WhichOneof("record_type") == "exit" for record in records(path)):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{path} has no end")


def history(path: Path) -> list[dict[str, Any]]:
    rows = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            rows.append(nested(record.history.item))
    return rows


def nested(items: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for item in items:
        *path, last = item.nested_key or [item.key]
        place = tree
        for name in path:
            place = place.setdefault(name, {})
        place[last] = json.loads(item.value_json)
    return tree


def test_tensorboard_has_scalars_and_pictures(run: RunFolder) -> None:
    train(run)
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    scalars = events.Tags()["scalars"]
    assert {"train/loss", "stats/step_s", "stats/peak_memory_mb", "lr-AdamW"} <= set(scalars)
    assert [event.step for event in events.Scalars("train/loss")] == [0, 1, 2, 3]
    assert [event.step for event in events.Images("train/samples_scaled")] == [3]
    assert events.Images("train/samples_scaled")[0].width == 2 * 6 + 2


def test_wandb_offline_has_scalars_pictures_config_and_files(run: RunFolder) -> None:
    settings = {"project": "faces", "name": "mine", "tags": ["a", "b"], "offline": True, "log_model": True}
    logger = train(run, logger="wandb", wandb=settings)[1]
    log_people([logger], [Row("person 0", "a photo", 3, Image.new("RGB", (4, 4)), 0.25)], 3)
    logger.finish()
    [path] = run.path.glob("wandb/offline-run-*/*.wandb")
    wait_for_the_end(path)
    of = {
        kind: [r for r in records(path) if r.WhichOneof("record_type") == kind]
        for kind in ("run", "config", "artifact")
    }
    started = of["run"][0].run
    assert (started.project, started.display_name, list(started.tags)) == ("faces", "mine", ["a", "b"])
    assert started.run_id == run_id(run)
    assert nested(of["config"][0].config.update)["model"] == {"base_learning_rate": 0.05}
    rows = history(path)
    losses = [row["train/loss"] for row in rows if "train/loss" in row]
    assert len(losses) == 4
    [picture] = [row["train/samples_scaled"] for row in rows if "train/samples_scaled" in row]
    assert picture["captions"][0].startswith("a photo of ")
    assert " | a photo of " in picture["captions"][0]
    assert (path.parent / "files" / picture["filenames"][0]).is_file()
    preview, own = [row["people"] for row in rows if "people" in row]
    assert (preview["nrows"], own["nrows"], own["ncols"]) == (2, 3, 5)
    table = json.loads((path.parent / "files" / own["path"]).read_text())
    assert table["columns"] == ["person", "prompt", "step", "picture", "identity"]
    assert table["data"][-1][:3] == ["person 0", "a photo", 3]
    assert table["data"][-1][4] == 0.25
    assert len(of["artifact"]) >= 2
    assert any("last.ckpt" in str(one.artifact.manifest) for one in of["artifact"])


class PeopleData(TinyData):
    """The same, and it knows whose photos it shows."""

    def __init__(self, photo: Path) -> None:
        super().__init__()
        self.people, self.records, self.owner = ["ada", "bo"], [SimpleNamespace(path=photo)] * 2, [0, 1]

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        return super().__getitem__(key) | {"ids": torch.tensor([0])}


def test_the_table_of_people_has_their_identity(
    run: RunFolder, astronaut: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every drawn picture counts as the photo itself, so that the judge has a face to look at."""
    astronaut.save(tmp_path / "ada.png")
    monkeypatch.setattr(callbacks, "to_pictures", lambda images: [astronaut] * len(images))
    section = tiny_tree(logger="wandb", wandb={"offline": True})["lightning"]
    section["callbacks"] = {
        "image_logger": {"target": "ldm.runs.callbacks.ImageLogger", "params": {"batch_frequency": 4}}
    }
    loggers = build_loggers(section, run)
    data = DataModuleFromConfig(2, {"target": f"{__name__}.PeopleData", "params": {"photo": str(tmp_path / "ada.png")}})
    build_trainer(section, run, loggers).trainer.fit(TinyModel(), data)
    loggers[1].finish()
    [table] = run.path.glob("wandb/offline-run-*/files/media/table/people*.json")
    rows = json.loads(table.read_text())["data"]
    assert [(row[0], row[2]) for row in rows] == [("ada", 3)] * 2
    assert [row[4] for row in rows] == [pytest.approx(1, abs=1e-3)] * 2


def test_a_resumed_run_keeps_its_id(run: RunFolder) -> None:
    first, second = Wandb(run, offline=True), Wandb(RunFolder.open(run.path), offline=True)
    assert first.version == second.version == json.loads((run.configs / "wandb.json").read_text())["id"]


def test_without_login_it_stays_offline_and_says_so(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    with caplog.at_level(logging.WARNING):
        Wandb(run)
    assert "W&B stays offline (no login: `wandb login` makes one); send it later: wandb sync" in caplog.text
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password x\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert (why_offline() or "").startswith("127.0.0.1 cannot be reached: [Errno")


@pytest.fixture
def answering() -> Iterator[tuple[str, list[str]]]:
    """A server that knows no page, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize("by_proxy", [False, True])
def test_with_login_and_network_it_is_online(
    monkeypatch: pytest.MonkeyPatch, answering: tuple[str, list[str]], by_proxy: bool
) -> None:
    address, asked = answering
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://wandb.invalid" if by_proxy else address)
    if by_proxy:
        monkeypatch.setenv("http_proxy", address)
    assert why_offline() is None
    assert asked == ["http://wandb.invalid/" if by_proxy else "/"]


def test_the_environment_may_ask_for_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert why_offline() == "WANDB_MODE=offline"


def test_another_logger_is_refused(run: RunFolder) -> None:
    with pytest.raises(ValueError, match=r"lightning\.logger: 'csv' given; tensorboard \(always there\) or wandb"):
        build_loggers({"logger": "csv"}, run)
