"""The data of a run: data sets from their configs, batches in an order that can be resumed."""

import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ldm.data.buckets import BucketBatchSampler
from ldm.data.effective import effective_lines
from ldm.data.sampling import ResumableBatchSampler
from ldm.randomness import generator
from ldm.util import instantiate_from_config

logger = logging.getLogger(__name__)

GRACE_S = 30
"""How long a data worker outlives a SIGTERM: as long as Slurm waits before it kills, unless told otherwise."""

Collate = Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]


def collate(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One batch from samples: tensors are stacked, numbers become a tensor, everything else stays a list.

    Raises:
        ValueError: the samples do not all have the same keys, or a key's tensors differ in shape.
    """
    keys = samples[0].keys()
    if any(sample.keys() != keys for sample in samples):
        raise ValueError(f"the samples of a batch differ in their keys: {sorted({tuple(s) for s in samples})}")
    return {key: _together(key, [sample[key] for sample in samples]) for key in keys}


def _together(key: str, values: list[Any]) -> Any:
    if isinstance(values[0], Tensor):
        if len(shapes := {tuple(value.shape) for value in values}) > 1:
            raise ValueError(f"the samples of a batch differ in the shape of {key!r}: {sorted(shapes)}")
        return torch.stack(values)
    if isinstance(values[0], bool | int | float):
        return torch.tensor(values)
    return values


def leave_signals_to_the_run(worker: int) -> None:
    """Have a worker go on after a signal that its run is sent too: the run needs its batches to end the step.

    A terminal sends Ctrl-C, a cluster SIGTERM, to all processes; torch sends SIGTERM to a worker that does not end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.alarm(GRACE_S))  # SIGALRM ends it


class ResumableLoader:
    """A ``DataLoader`` that knows how many batches it has handed out, and can go on from there.

    Lightning saves and restores it through ``state_dict`` and ``load_state_dict``. What the workers have prepared in
    advance does not count: after a resume they prepare it again, to the bit.
    """

    def __init__(
        self, dataset: Dataset[Any], sampler: ResumableBatchSampler, num_workers: int = 0, collate_fn: Collate = collate
    ) -> None:
        self.dataset, self.sampler, self.batch_sampler = dataset, sampler, sampler  # Lightning looks at all three
        self.num_workers, self.collate_fn = num_workers, collate_fn
        self._loader: DataLoader[Any] | None = None
        self._batches_done = 0

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rest of the epoch; the workers start preparing at once."""
        if self._loader is None:
            self._loader = DataLoader(
                self.dataset,
                batch_sampler=self.sampler,
                num_workers=self.num_workers,
                collate_fn=self.collate_fn,
                worker_init_fn=leave_signals_to_the_run,
                persistent_workers=self.num_workers > 0,
                pin_memory=torch.cuda.is_available(),
                generator=generator(self.sampler.seed, "workers"),  # else it draws from the global one
            )
        self._batches_done = self.sampler.first_batch
        batches = iter(self._loader)  # asks the sampler for its batches here, more than once
        self.sampler.first_batch = 0
        return self._counted(batches)

    def _counted(self, batches: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for batch in batches:
            self._batches_done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Where we are, counted in batches that were handed out."""
        return self.sampler.state_dict(self._batches_done)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next iteration starts behind the last batch that ``state`` knows of."""
        self.sampler.load_state_dict(state)

    def close(self) -> None:
        """End the workers."""
        self._loader = None


class DataModuleFromConfig(pl.LightningDataModule):
    """Training, validation and test data from config nodes.

    A data set is any object with ``__len__`` and ``__getitem__(SampleKey) -> Mapping`` (see ``ldm.data.sampling``).
    If it has a method ``collate(samples) -> dict``, that makes its batches; otherwise ``collate`` of this file does. If
    it has ``groups``, a number for each sample, the samples of a batch have one number. If it has ``about()``, that is
    logged when training starts.

    Args:
        batch_size: samples per batch and process.
        train: config node of the training data set.
        validation: config node of the validation data set; none: no validation.
        test: config node of the test data set; none: no test.
        num_workers: processes that prepare batches; 0 prepares them in the training process. The batches are the same.
        shuffle: draw an order for each epoch of the training data.
        seed: decides the order of the batches, and a data set's own draws where it takes a ``seed``.
    """

    def __init__(
        self,
        batch_size: Annotated[int, Field(gt=0)],
        train: Mapping[str, Any],
        validation: Mapping[str, Any] | None = None,
        test: Mapping[str, Any] | None = None,
        num_workers: Annotated[int, Field(ge=0)] = 0,
        shuffle: bool = True,
        seed: int = 23,
    ) -> None:
        super().__init__()
        self.batch_size, self.num_workers, self.shuffle, self.seed = batch_size, num_workers, shuffle, seed
        configs = {"train": train, "validation": validation, "test": test}
        self.configs = {split: config for split, config in configs.items() if config is not None}
        if validation is not None:  # Lightning takes a module without this method as one without validation
            self.val_dataloader = self._val_dataloader  # type: ignore[method-assign]
        if test is not None:
            self.test_dataloader = self._test_dataloader  # type: ignore[method-assign]
        self.datasets: dict[str, Any] = {}
        self._loaders: list[ResumableLoader] = []
        self._known: dict[str, Any] = {}

    def inject(self, **known: Any) -> None:
        """What the run knows and YAML cannot write (a picture size, a tokenizer): data sets that ask for it get it."""
        self._known |= known

    def setup(self, stage: str | None = None) -> None:
        """Build the data sets that ``stage`` (fit, validate, test; None: all) needs, once."""
        splits = {"fit": ("train", "validation"), "validate": ("validation",), "test": ("test",)}
        for split in splits.get(stage or "", tuple(self.configs)):
            if split in self.configs and split not in self.datasets:
                known = {"seed": self.seed} | self._known
                given = self.configs[split].get("params") or {}
                known = {name: value for name, value in known.items() if name not in given}
                self.datasets[split] = instantiate_from_config(self.configs[split], **known)

    def train_dataloader(self) -> ResumableLoader:
        """The training batches, from the trainer's epoch on."""
        return self._loader("train", self.shuffle, same_every_epoch=False)

    def _val_dataloader(self) -> ResumableLoader:
        """The validation batches, always in the same order with the same draws."""
        return self._loader("validation", shuffle=False, same_every_epoch=True)

    def _test_dataloader(self) -> ResumableLoader:
        """The test batches, always in the same order with the same draws."""
        return self._loader("test", shuffle=False, same_every_epoch=True)

    def teardown(self, stage: str | None = None) -> None:
        """End the workers."""
        for loader in self._loaders:
            loader.close()
        self._loaders.clear()

    def _loader(self, split: str, shuffle: bool, same_every_epoch: bool) -> ResumableLoader:
        dataset, trainer = self.datasets[split], self.trainer
        order: dict[str, Any] = {
            "batch_size": self.batch_size,
            "shuffle": shuffle,
            "seed": self.seed,
            "rank": trainer.global_rank if trainer else 0,
            "num_replicas": trainer.world_size if trainer else 1,
            "same_every_epoch": same_every_epoch,
        }
        groups = getattr(dataset, "groups", None)
        sampler = BucketBatchSampler(groups, **order) if groups else ResumableBatchSampler(len(dataset), **order)
        if trainer and split == "train" and hasattr(dataset, "about"):
            a_step = self.batch_size * trainer.world_size * trainer.accumulate_grad_batches
            logger.info("%s", "\n".join(effective_lines(dataset.about(), a_step, trainer.max_steps)))
        if trainer:
            sampler.set_epoch(trainer.current_epoch)
        loader = ResumableLoader(dataset, sampler, self.num_workers, getattr(dataset, "collate", collate))
        self._loaders.append(loader)
        return loader
