"""The looks at the best checkpoint: what is drawn, scored and logged, and that a run does not notice."""

import json
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from evaluation.identity import Vector
from evaluation.judges import calibration, strangers_percentile
from ldm.modules.artifacts import read_artifact
from ldm.runs import best, look, look_log, look_people
from ldm.runs.best import BestCheckpoint
from ldm.runs.loggers import Row
from tests.tiny_model import train_people

PROMPTS = ["a photo of {}", "a photo of {}, smiling"]


class FakeJudge:
    """Sees in photos one vector, in pictures cosines that were planned: one a picture, None is no face."""

    name, encoder_name = "yunet+sface", "sface"

    def __init__(self, *cosines: float | None) -> None:
        self.cosines = cosines
        self.seen: list[Image.Image] = []

    def vector(self, image: Image.Image) -> Vector | None:
        return np.array([1, 0], np.float32)

    def vectors(self, images: Sequence[Image.Image]) -> list[Vector | None]:
        places = range(len(self.seen), len(self.seen) + len(images))
        self.seen += images
        planned = [self.cosines[place % len(self.cosines)] for place in places]
        return [None if c is None else np.array([c, (1 - c * c) ** 0.5], np.float32) for c in planned]


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeJudge]:
    def install(*cosines: float | None) -> FakeJudge:
        made = FakeJudge(*cosines)
        monkeypatch.setattr(look_people, "load_judge", lambda _name: made)
        return made

    return install


class Kept:
    """What loggers are given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[Row] = []
        monkeypatch.setattr(look_log, "log_people", lambda _loggers, rows, _step: self.rows.extend(rows))


def learn(model: Path, manifest: Path, logdir: Path, *more: str, **params: Any) -> Path:
    params = {"max_share": None, "patience": 0, "sampler": None} | params
    given = [f"lightning.callbacks.best.params.{key}={json.dumps(value)}" for key, value in params.items()]
    return train_people(model, manifest, logdir, "lightning.callbacks.image_logger.params.disabled=true", *given, *more)


def test_a_look_is_logged_and_changes_nothing(
    judge, tiny_model: Path, tiny_manifest: Path, tiny_run: Path, tmp_path: Path, monkeypatch, caplog
) -> None:
    looking, kept = judge(0.2, 0.5, None, 0.3, 0.4, 0.1), Kept(monkeypatch)  # one of the class, then of the people
    with caplog.at_level(logging.INFO):
        run = learn(tiny_model, tiny_manifest, tmp_path, every_n_steps=3, num_pictures=3, batch_size=2, prompts=PROMPTS)
    undetected = strangers_percentile(looking, 16)
    means = [(0.5 + undetected + 0.3) / 3, (0.4 + 0.1 + 0.2) / 3]
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()

    def scalars(tag: str) -> list[tuple[int, float]]:
        return [(event.step, pytest.approx(event.value, abs=1e-6)) for event in events.Scalars(tag)]

    assert scalars("val/identity") == [(2, sum(means) / 2), (5, sum(means) / 2)]
    assert scalars("val/identity/eileen_collins") == [(2, means[0]), (5, means[0])]
    assert scalars("val/identity/grace_hopper") == [(2, means[1]), (5, means[1])]
    assert scalars("val/detected") == [(2, 5 / 6), (5, 5 / 6)]
    assert all(event.value > 0 for event in events.Scalars("val/look_s"))
    known = calibration(looking, 16)
    score = (sum(means) / 2 - known.stranger) / (known.same - known.stranger)
    assert scalars("val/score") == [(2, score), (5, score)], "nobody judges prompts; no network is trained"
    mark = json.loads((run / "checkpoints" / "best.json").read_text())
    assert (mark["step"], mark["pareto"], mark["judge"], mark["prompt_judge"]) == (5, [2, 5], "yunet+sface", None)
    [image, _] = events.Images("val/people")
    assert (image.width, image.height) == (4 * 18 + 2, 2 * 18 + 2)
    assert [path.name for path in sorted((run / "images" / "val").iterdir())] == [
        "people_gs-000002.jpg",
        "people_gs-000005.jpg",
    ]
    shown = [(row.person, row.prompt, row.step, row.identity and round(row.identity, 4)) for row in kept.rows[:6]]
    assert shown == [
        ("eileen_collins", "a photo of sks", 2, 0.5),
        ("eileen_collins", "a photo of sks, smiling", 2, None),
        ("eileen_collins", "a photo of sks", 2, 0.3),
        ("grace_hopper", "a photo of sks", 2, 0.4),
        ("grace_hopper", "a photo of sks, smiling", 2, 0.1),
        ("grace_hopper", "a photo of sks", 2, 0.2),
    ]
    pictures = [np.asarray(picture) for picture in looking.seen[1:]]
    assert not np.array_equal(pictures[0], pictures[2]), "each picture has its own seed"
    assert not np.array_equal(pictures[0], pictures[3]), "each person is drawn, from the same seeds"
    assert "look after step 2: score " in caplog.text
    assert "a face in 5 of 6 pictures" in caplog.text
    assert caplog.text.count("the judge (yunet+sface) is the network that conditions; fine for choosing, not") == 1
    for name in ("embeddings_gs-5.safetensors", "embeddings_gs-1.safetensors"):
        ours, without = (read_artifact(folder / "checkpoints" / name).tensors for folder in (run, tiny_run))
        assert all(torch.equal(ours[key], without[key]) for key in ours.keys() | without.keys())


def test_it_looks_with_the_averages_in_evaluation_mode_without_global_draws(
    judge, tiny_model: Path, tiny_manifest: Path, tmp_path: Path, monkeypatch
) -> None:
    judge(0.5)
    uses: list[str] = []
    modes: list[tuple[bool, bool, bool]] = []
    portray, looked = look.portray, BestCheckpoint.look

    def generators() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    def watched(self: BestCheckpoint, trainer: Any, model: Any) -> None:
        before, training = generators(), model.training
        looked(self, trainer, model)
        assert generators() == before
        modes.append((training, model.personalization.training, model.training))

    def portrayed(pipeline: Any, *rest: Any) -> Any:
        assert not any(part.training for part in pipeline.model.modules())
        return portray(pipeline, *rest)

    monkeypatch.setattr(best, "averaged", lambda _trainer, _model, use: uses.append(use) or nullcontext())
    monkeypatch.setattr(look, "portray", portrayed)
    monkeypatch.setattr(BestCheckpoint, "look", watched)
    learn(tiny_model, tiny_manifest, tmp_path, every_n_steps=6, num_pictures=1)
    assert uses == ["previews"]
    assert modes == [(True, True, True)]


def test_a_prompt_that_is_too_long_is_seen_before_the_first_step(
    judge, tiny_model: Path, tiny_manifest: Path, tmp_path: Path, capsys
) -> None:
    judge(0.5)
    with pytest.raises(AssertionError):
        learn(tiny_model, tiny_manifest, tmp_path, prompts=["a photo of {} " + "and a face " * 20])
    assert "the text encoder takes" in capsys.readouterr().err


def test_a_judge_that_sees_nobody_in_the_photos(
    judge, tiny_model: Path, tiny_manifest: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    looking = judge(0.5)
    monkeypatch.setattr(looking, "vector", lambda _image: None, raising=False)
    with pytest.raises(AssertionError):
        learn(tiny_model, tiny_manifest, tmp_path, every_n_steps=6)
    said = capsys.readouterr().err
    assert "judge yunet+sface finds no face in the training photos of eileen_collins (eileen_collins" in said
    assert "align them with --mode ffhq, or set disabled: true" in said
