import numpy as np
import pytest
from PIL import Image

from evaluation.report import Gallery, Report, Shown, Table
from ldm.runs.folder import RunFolder
from ldm.runs.report_log import log_report, loggers_of


@pytest.fixture
def report(tmp_path):
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((20, 20 + number, 3), 80 * number, np.uint8)).save(paths[-1])
    table = Table("Pictures", ["person", "identity"], [["ada", 0.5], ["bo", None], ["cy", 0.25]], pictures=paths)
    gallery = Gallery("Best", [Shown(path, "0.5") for path in paths])
    headline = {"headline": {"mean": 0.4, "low": None, "n": 3}}
    return Report("A", "", [], [table, gallery], {}, headline)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run" / "configs").mkdir(parents=True)
    return RunFolder(tmp_path / "run", "x")


def test_tensorboard_has_the_tables_the_pictures_and_the_headline(run, report):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    [logger] = loggers_of(run)
    log_report([logger], report, 7)
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert set(tags["scalars"]) == {"evaluation/mean", "evaluation/n"}
    assert events.Scalars("evaluation/mean")[0].step == 7
    assert tags["images"] == ["evaluation/Best"]
    [text] = [events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags["tensors"]]
    assert "| ada | 0.500 |" in text
    assert "| bo | – |" in text


def test_wandb_gets_tables_with_pictures_where_the_run_is_there(run, report, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    (run.configs / "wandb.json").write_text('{"id": "abcd1234"}')
    loggers = loggers_of(run)
    assert len(loggers) == 2
    log_report(loggers, report, 7)
    [kept] = (run.path / "wandb").glob("offline-run-*")
    media = [path.suffix for path in kept.rglob("files/media/**/*") if path.is_file()]
    assert ".json" in media, "the table"
    assert media.count(".png") >= 3, "pictures in the table and in the gallery"
