from pathlib import Path

import torch.distributed as dist
import torch.multiprocessing as processes

from ldm.data.sharing import share_out


def test_one_process_does_everything() -> None:
    assert share_out(["a", "b"], str.upper) == {"a": "A", "b": "B"}


def do_a_part(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    done: list[int] = []
    found = share_out([0, 1, 2], lambda job: done.append(job) or job * 10)
    assert found == {0: 0, 1: 10, 2: 20}
    assert done == [[0, 2], [1]][rank]
    dist.destroy_process_group()


def test_each_job_is_done_once(tmp_path: Path) -> None:
    processes.start_processes(do_a_part, (str(tmp_path),), nprocs=2, start_method="fork")
