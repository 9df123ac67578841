import multiprocessing
import os
import signal
from typing import Any

import pytest
import torch
from pytorch_lightning.utilities.model_helpers import is_overridden

from ldm.data.module import DataModuleFromConfig, ResumableLoader, collate
from ldm.data.sampling import ResumableBatchSampler, SampleKey, as_key
from ldm.randomness import generator


class Dots:
    """Samples whose numbers are drawn from (seed, draw, index)."""

    def __init__(self, length: int = 11, seed: int = 0, size: int = 2) -> None:
        self.length, self.seed, self.size = length, seed, size

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        key = as_key(key)
        noise = torch.randn(self.size, generator=generator(self.seed, "augment", key.draw, key.index))
        return {"image": noise, "caption": f"dot {key.index}", "index": key.index}


class Pairs(Dots):
    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        return {"pairs": len(samples)}


def node(name: str = "Dots", **params: Any) -> dict[str, Any]:
    return {"target": f"{__name__}.{name}", "params": params}


def loader(**arguments: Any) -> ResumableLoader:
    return ResumableLoader(Dots(), ResumableBatchSampler(11, 3), **arguments)


def test_collate_stacks_tensors_and_keeps_words() -> None:
    batch = collate([Dots()[0], Dots()[1]])
    assert batch["image"].shape == (2, 2)
    assert batch["caption"] == ["dot 0", "dot 1"]
    assert batch["index"].dtype == torch.int64


def test_collate_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"differ in their keys: \[\('a',\), \('b',\)\]"):
        collate([{"a": 1}, {"b": 1}])
    with pytest.raises(ValueError, match=r"shape of 'a': \[\(2,\), \(3,\)\]"):
        collate([{"a": torch.zeros(2)}, {"a": torch.zeros(3)}])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_loader_goes_on_to_the_bit(num_workers: int) -> None:
    whole = [batch["image"] for batch in loader()]
    stopped = loader(num_workers=num_workers)
    batches = iter(stopped)
    next(batches), next(batches)
    resumed = loader(num_workers=num_workers)
    resumed.load_state_dict(stopped.state_dict())
    rest = [batch["image"] for batch in resumed]
    assert len(resumed) == 4
    assert [torch.equal(a, b) for a, b in zip(rest, whole[2:], strict=True)] == [True, True]
    assert len(list(resumed)) == 4, "only the first iteration after a resume is short"
    stopped.close(), resumed.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_does_not_end_a_worker(number: int) -> None:
    """A terminal or a cluster sends it to all processes; without its worker the run could not finish its step."""
    before = {child.pid for child in multiprocessing.active_children()}
    handed = ResumableLoader(Dots(), ResumableBatchSampler(11, 1), num_workers=1)
    batches = iter(handed)
    next(batches)
    [worker] = {child.pid for child in multiprocessing.active_children()} - before
    assert worker is not None
    os.kill(worker, number)
    assert len(list(batches)) == 10
    handed.close()


def test_nothing_is_drawn_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    list(loader())
    assert torch.equal(before, torch.get_rng_state())


def test_the_data_sets_are_built_when_they_are_needed() -> None:
    data = DataModuleFromConfig(2, node(), validation=node(length=3), test=node())
    assert data.datasets == {}
    data.setup("fit")
    assert sorted(data.datasets) == ["train", "validation"]
    assert len(data.train_dataloader()) == 6
    assert len(data.val_dataloader()) == 2
    data.setup()
    assert sorted(data.datasets) == ["test", "train", "validation"]
    assert len(data.test_dataloader()) == 6


def test_lightning_sees_no_loader_where_there_is_no_data() -> None:
    data = DataModuleFromConfig(2, node(), validation=node())
    assert is_overridden("val_dataloader", data)
    assert not is_overridden("test_dataloader", data)


def test_a_data_set_gets_what_the_run_knows_unless_its_config_says_otherwise() -> None:
    data = DataModuleFromConfig(2, node(), validation=node(size=4), seed=7)
    data.inject(size=9, unknown="left out")
    data.setup()
    assert (data.datasets["train"].size, data.datasets["train"].seed) == (9, 7)
    assert data.datasets["validation"].size == 4


def test_a_data_set_may_make_its_own_batches() -> None:
    data = DataModuleFromConfig(4, node("Pairs"))
    data.setup()
    assert [batch["pairs"] for batch in data.train_dataloader()] == [4, 4, 3]
