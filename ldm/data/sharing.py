"""Work that is done before training, shared out over the processes of a run."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch.distributed as dist

Job = TypeVar("Job")
Result = TypeVar("Result")


def share_out(jobs: Sequence[Job], work: Callable[[Job], Result]) -> dict[Job, Result]:
    """What ``work`` makes of every job, by job; each is done by one process and handed to all.

    All processes must call this with the same jobs. ``Result`` must lie in main memory.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return {job: work(job) for job in jobs}
    processes = dist.get_world_size()
    parts: list[Any] = [None] * processes
    dist.all_gather_object(parts, [work(job) for job in jobs[dist.get_rank() :: processes]])
    return {job: parts[i % processes][i // processes] for i, job in enumerate(jobs)}
