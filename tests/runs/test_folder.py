import json
import logging
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ldm.runs.folder import RunFolder
from ldm.runs.processes import FOLDER_VARIABLE, process_rank
from ldm.runs.whole import seal
from tests.runs.tiny import tiny_tree


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def create(logdir: Path, name: str = "celebbasis", datadir: str = "training") -> RunFolder:
    return RunFolder.create(logdir, name, OmegaConf.create(tiny_tree()), {"seed": 23}, datadir)


def test_a_new_run_has_its_folders_and_configs(tmp_path: Path) -> None:
    run = create(tmp_path / "logs")
    assert run.path.name.startswith("training2")
    assert run.path.name == f"{run.prefix}_celebbasis"
    assert sorted(path.name for path in run.path.iterdir()) == ["checkpoints", "configs", "images"]
    assert OmegaConf.load(run.project_config).keys() == {"model", "data"}
    assert OmegaConf.load(run.lightning_config).lightning.trainer.max_steps == 4
    assert json.loads((run.configs / "environment.json").read_text()) == {"seed": 23}


def test_runs_of_the_same_second_do_not_meet(tmp_path: Path) -> None:
    runs = [create(tmp_path) for _ in range(5)]
    assert len({run.path for run in runs}) == 5
    assert all(run.project_config.is_file() for run in runs)


def test_a_run_is_opened_by_its_folder_or_a_checkpoint_in_it(tmp_path: Path) -> None:
    run = create(tmp_path)
    assert RunFolder.open(run.path) == run
    assert RunFolder.open(run.checkpoints / "last.ckpt") == run
    assert run.config_files() == [run.project_config, run.lightning_config]


def test_a_run_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    run = create(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"nowhere: no such run; .* holds {run.path.name}"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"is no run: it has no configs/\*-project.yaml; .* holds"):
        RunFolder.open(tmp_path)


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    run = create(tmp_path)
    run.lightning_config.unlink()
    with pytest.raises(FileNotFoundError, match=r"-lightning\.yaml is missing"):
        run.config_files()


def test_exported_files_are_found_by_step(tmp_path: Path) -> None:
    run = create(tmp_path)
    with pytest.raises(LookupError, match="has no exported files; nothing was exported yet"):
        run.exported()
    for name in ("embeddings_gs-199.pt", "embeddings_gs-1199.pt", "embeddings_gs-199.safetensors", "last.ckpt"):
        (run.checkpoints / name).touch()
    (run.checkpoints / "model_gs-199").mkdir()
    assert run.steps() == [199, 1199]
    assert [path.name for path in run.exported()] == ["embeddings_gs-1199.pt"]
    assert [path.name for path in run.exported(199)] == [
        "embeddings_gs-199.pt",
        "embeddings_gs-199.safetensors",
        "model_gs-199",
    ]
    with pytest.raises(LookupError, match="no exported files of step 200; there are the steps 199, 1199"):
        run.exported(200)


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = create(tmp_path)
    last, previous = run.checkpoints / "last.ckpt", run.checkpoints / "previous.ckpt"
    last.write_bytes(b"newer")
    previous.write_bytes(b"older")
    seal(run.checkpoints, [last, previous])
    assert run.checkpoint() == last
    last.write_bytes(b"newe")
    with caplog.at_level(logging.WARNING):
        assert run.checkpoint() == previous
    assert "last.ckpt: it has 4 bytes; the manifest knows no such file; going on from" in caplog.text
    previous.write_bytes(b"odler")
    with pytest.raises(FileNotFoundError, match=r"no checkpoint to go on from: .*4 bytes.*SHA-256"):
        run.checkpoint()


def test_a_run_without_checkpoints_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"last\.ckpt: it is missing"):
        create(tmp_path).checkpoint()


def test_further_processes_find_the_folder_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create(tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with run.announced():
        assert create(tmp_path) == run
    assert process_rank() == 1
    with pytest.raises(RuntimeError, match=f"process 1 does not know the run's folder.*{FOLDER_VARIABLE}"):
        create(tmp_path)


def test_a_launcher_may_name_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert create(tmp_path).path == tmp_path / "mine"


def test_a_log_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(OSError, match=r"cannot write to \S+logs: .*; choose another folder"):
        create(tmp_path / "logs")
