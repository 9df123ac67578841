"""How a start ends: one that fails leaves nothing behind, one that succeeds says what to type next."""

import errno
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ldm.runs.folder import RunFolder
from ldm.runs.load import find_run
from ldm.runs.processes import FOLDER_VARIABLE
from ldm.runs.settings import require_photos
from main import main
from tests.runs.tiny import TinyData, TinyModel, tiny_tree

pytestmark = pytest.mark.filterwarnings("ignore")

FP16 = ("lightning.trainer.precision=16-mixed", "lightning.trainer.accelerator=cpu")


class ModelInterrupted(TinyModel):
    """Its weights take so long that somebody presses Ctrl-C."""

    def __init__(self) -> None:
        signal.raise_signal(signal.SIGINT)


class DataInterrupted(TinyData):
    """Its pictures take so long that somebody presses Ctrl-C."""

    def __init__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts its background jobs deaf to Ctrl-C, and Python leaves that so; these tests need to hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(tree: dict[str, Any], *words: str) -> int:
    OmegaConf.save(OmegaConf.create(tree), "tiny.yaml")
    return main(["--base", "tiny.yaml", "-t", *words])


def runs() -> list[Path]:
    return sorted(Path("logs").glob("*"))


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--actual_resume", "weights/nowhere"), "there is no model at weights/nowhere"),
        (("--data_root", "nowhere.jsonl"), "nowhere.jsonl"),
        (("model.params.face_backend=antelopev2",), "no insightface pack 'antelopev2'"),
        (FP16, "fp16 needs a GPU"),
        (("model.params.embedding_manager_ckpt=x",), "no such parameter"),
    ],
)
def test_a_start_that_fails_leaves_no_run(
    here: Path, root: Path, tiny_model: Path, tiny_manifest: Path, capsys: Any, option: tuple[str, ...], said: str
) -> None:
    config = root / "configs" / "stable-diffusion" / "celeb_basis.yaml"
    words = ["--actual_resume", str(tiny_model), "--data_root", str(tiny_manifest)]
    assert main(["--base", str(config), "-t", *words, "model.params.face_backend=yunet-sface", *option]) == 1
    assert said in capsys.readouterr().err
    assert runs() == []


def test_photos_that_are_not_there_are_named_before_the_weights_are_read(root: Path, capsys: Any) -> None:
    config = root / "configs" / "stable-diffusion" / "lora.yaml"
    assert main(["--base", str(config), "-t", "--actual_resume", "weights/nowhere", "--data_root", "no/photos"]) == 1
    said = "data.params.train.params.folder: no/photos is not there; --data_root names the photos to train on"
    assert said in capsys.readouterr().err
    data = {"folder": "no/latents", "pictures": str(root)}
    require_photos(OmegaConf.create({"data": {"params": {"train": {"params": data}}}}))  # latents are made
    with pytest.raises(FileNotFoundError, match=r"data\.params\.train\.params\.pictures: no/store is not there"):
        require_photos(OmegaConf.create({"data": {"params": {"train": {"params": {**data, "pictures": "no/store"}}}}}))


@pytest.mark.parametrize("part", ["model", "data"])
def test_ctrl_c_while_loading_leaves_no_run(here: Path, part: str) -> None:
    tree = tiny_tree()
    if part == "model":
        tree["model"] = {"target": f"{__name__}.ModelInterrupted"}
    else:
        tree["data"]["params"]["train"] = {"target": f"{__name__}.DataInterrupted"}
    assert start(tree) == 130
    assert runs() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("write", "said", "left"), [(1, "-lightning.yaml", 0), (3, "environment.json", 0), (4, "last.ckpt", 1)]
)
def test_a_full_disk_is_named(here: Path, capsys: Any, monkeypatch: Any, write: int, said: str, left: int) -> None:
    tree, count, sync = tiny_tree(), iter(range(1, 99)), os.fsync

    def full(handle: int) -> None:
        if next(count) >= write:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    assert start(tree) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "no space left on the disk; make room there" in err.replace("\n", " ")
    assert len(runs()) == left


def test_what_was_trained_is_kept(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert start(tiny_tree(), *FP16) == 1
    assert runs() == []
    assert "nothing was trained: logs/training2" in caplog.text
    assert start(tiny_tree(), "model.params.bad_at=0") == 1
    [run] = runs()
    assert list(run.glob("tensorboard/events*")), "one step was done, and what it logged may say why it went wrong"


def test_going_on_with_what_cannot_be_built_changes_nothing(here: Path) -> None:
    assert start(tiny_tree()) == 0
    [path] = runs()
    run = RunFolder.open(path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert main(["-r", str(path), "-t", f"model.target={__name__}.ModelInterrupted", "model.params=null"]) == 130
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert main(["-r", str(path), "-t", *FP16]) == 1
    assert main(["-r", str(path), "-t", "data.params.batch_size=3", "lightning.trainer.max_steps=9"]) == 1
    configs = (run.project_config, run.lightning_config, run.configs / "environment.json")
    assert all(file.read_bytes() == before[file] for file in configs)
    assert run.checkpoint() == run.checkpoints / "last.ckpt", "a run that was there before is never removed"


def test_a_folder_that_a_launcher_made_stays(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("keep me")
    monkeypatch.setenv(FOLDER_VARIABLE, str(here / "mine"))
    assert start(tiny_tree(), *FP16) == 1
    assert (here / "mine" / "notes.txt").read_text() == "keep me"


@pytest.mark.parametrize("logdir", ["logs", "elsewhere", "my logs", "deeper/logs", "."])
def test_the_run_that_is_named_at_the_end_is_found(here: Path, capsys: Any, logdir: str) -> None:
    assert start(tiny_tree(), "--actual_resume", "weights/of ours", "-l", logdir, "lightning.trainer.max_steps=1") == 0
    command = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Next: "))
    *_, weights, _, run = shlex.split(command)
    assert weights == "weights/of ours"
    assert find_run(Path(run)).steps() == [0]


@pytest.mark.parametrize(("rank", "code"), [(0, 130), (1, 0)])
def test_only_the_first_process_tells_of_a_signal(
    here: Path, monkeypatch: pytest.MonkeyPatch, rank: int, code: int
) -> None:
    """Lightning kills the first one if another ends with a code: it takes that for a crash."""
    folder = RunFolder.create(here / "logs", "tiny", OmegaConf.create(tiny_tree()), {})
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder.path))
    monkeypatch.setattr("ldm.runs.train.train", lambda *_, **__: 130)
    assert start(tiny_tree()) == code
