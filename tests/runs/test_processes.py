import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ldm.runs.folder import RunFolder
from ldm.runs.processes import FOLDER_VARIABLE, agree_on_folder, process_rank
from tests.runs.tiny import tiny_tree

ASK = "from ldm.runs.processes import agree_on_folder as agree; from pathlib import Path; import os; print(agree({}))"


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def start(rank: int, argument: str, **variables: str) -> subprocess.Popen[str]:
    own = {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0"}
    command = [sys.executable, "-c", ASK.format(argument)]
    return subprocess.Popen(command, env=os.environ | own | variables, stdout=subprocess.PIPE, text=True)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "WORLD_SIZE", "SLURM_NTASKS", FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_a_process_alone_is_the_first() -> None:
    assert process_rank() == 0
    assert agree_on_folder(Path("logs/mine")) == Path("logs/mine")


def test_a_launcher_may_name_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "logs/theirs")
    assert agree_on_folder() == Path("logs/theirs")


def test_a_process_that_nobody_started_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(RuntimeError, match=f"process 1 does not know the run's folder.*torchrun.*{FOLDER_VARIABLE}"):
        agree_on_folder()


@pytest.mark.slow
def test_under_slurm_the_first_process_tells_the_others(tmp_path: Path) -> None:
    job = {"SLURM_NTASKS": "2", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NODELIST": "localhost"}
    job |= {"SLURM_NNODES": "1", "SLURM_NTASKS_PER_NODE": "2", "MASTER_PORT": free_port()}
    asking = start(1, "", **job)
    telling = start(0, f"Path({str(tmp_path)!r})", **job)
    assert telling.communicate(timeout=120)[0].strip() == str(tmp_path)
    assert asking.communicate(timeout=120)[0].strip() == str(tmp_path)


@pytest.mark.slow
def test_torchrun_makes_one_run_of_several_processes(root: Path, tmp_path: Path) -> None:
    OmegaConf.save(OmegaConf.create(tiny_tree()), tmp_path / "tiny.yaml")
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    words = ["--base", tmp_path / "tiny.yaml", root / "configs/strategy/ddp.yaml", "-t", "-l", tmp_path / "logs"]
    command = [sys.executable, *launcher, root / "main.py", *words, "lightning.trainer.devices=2"]
    subprocess.run(command, check=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, timeout=300)
    [run] = (tmp_path / "logs").iterdir()
    assert RunFolder.open(run).steps() == [1, 3]
