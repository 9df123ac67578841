from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import nn

from ldm.data.module import DataModuleFromConfig
from ldm.runs.callbacks import ImageLogger, evaluating, people
from ldm.runs.stats import StepStats, batch_size
from tests.runs.tiny import TinyModel

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {}}


def fit(*callbacks: pl.Callback, model: pl.LightningModule | None = None, **trainer: Any) -> pl.LightningModule:
    arguments: dict[str, Any] = {"max_steps": 4, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    arguments |= {"enable_model_summary": False, "enable_checkpointing": False}
    model = model or TinyModel()
    pl.Trainer(**arguments | trainer, callbacks=list(callbacks)).fit(model, DataModuleFromConfig(2, TRAIN))
    return model


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("train/*"))


def test_grids_are_saved_under_the_step_they_follow(tmp_path: Path) -> None:
    fit(ImageLogger(batch_frequency=2, folder=tmp_path), accumulate_grad_batches=2, max_steps=3)
    assert files(tmp_path) == [
        "inputs_gs-000001_e-000000_b-000003.jpg",
        "samples_scaled_gs-000001_e-000000_b-000003.jpg",
    ]
    assert Image.open(tmp_path / "train" / files(tmp_path)[0]).size == (2 * 6 + 2, 6 + 2)


def test_the_first_step_and_none_at_all(tmp_path: Path) -> None:
    fit(ImageLogger(batch_frequency=100, log_first_step=True, folder=tmp_path / "first"))
    assert len(files(tmp_path / "first")) == 2
    fit(ImageLogger(batch_frequency=1, disabled=True, folder=tmp_path / "none"))
    assert files(tmp_path / "none") == []


def test_looking_changes_nothing(tmp_path: Path) -> None:
    alone = fit()
    watched = fit(ImageLogger(batch_frequency=1, folder=tmp_path))
    assert watched.losses == alone.losses
    assert watched.head.training
    assert not watched.body.training


def test_parts_keep_their_modes() -> None:
    module = nn.Sequential(nn.Dropout(), nn.Dropout())
    module[1].eval()
    with evaluating(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, True, False]


def test_a_row_for_each_person_in_a_guided_sample() -> None:
    batch = {"ids": torch.tensor([[0, -1], [0, 1]])}
    shown = {"samples_scaled": torch.zeros(2, 3, 4, 4)}
    rows = people(batch, ["a", "b"], shown, 199)
    assert [(row.person, row.prompt, row.step, row.identity) for row in rows] == [
        ("person 0", "a", 199, None),
        ("person 0", "b", 199, None),
        ("person 1", "b", 199, None),
    ]
    assert people({}, ["a"], shown, 0) == people(batch, ["a"], {}, 0) == []


def test_rows_are_scored_where_the_people_are_known() -> None:
    class Faces:
        def __init__(self) -> None:
            self.photos = {"ada": [Path("a.png")], "bo": [Path("b.png")]}

        def cosines(self, picture: Image.Image, names: list[str]) -> list[float | None]:
            return [0.5 if len(names) == 1 else {"ada": 0.25, "bo": None}[name] for name in names]

    batch, shown = {"ids": torch.tensor([[0, -1], [1, 0]])}, {"samples_scaled": torch.zeros(2, 3, 4, 4)}
    rows = people(batch, ["a", "b"], shown, 199, Faces())
    assert [(row.person, row.prompt, row.identity) for row in rows] == [
        ("ada", "a", 0.5),
        ("bo", "b", None),
        ("ada", "b", 0.25),
    ]


class Log(pl.loggers.CSVLogger):
    """Keeps what it is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.told: list[tuple[int | None, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.told.append((step, dict(metrics)))


def test_step_statistics(tmp_path: Path) -> None:
    log = Log(tmp_path)
    fit(StepStats(), logger=log, log_every_n_steps=2)
    stats = [(step, metrics) for step, metrics in log.told if "stats/step_s" in metrics]
    assert [step for step, _ in stats] == [1, 3]
    for _, metrics in stats:
        assert metrics["stats/samples_per_s"] == pytest.approx(2 / metrics["stats/step_s"])
        assert metrics["stats/peak_memory_mb"] > 50


@pytest.mark.parametrize(
    ("batch", "size"), [({"a": torch.zeros(3, 2)}, 3), ({"caption": ["x"]}, 1), ([torch.zeros(2)], 2), (None, 0)]
)
def test_the_size_of_a_batch(batch: Any, size: int) -> None:
    assert batch_size(batch) == size
