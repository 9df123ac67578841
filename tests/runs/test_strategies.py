"""configs/strategy/ laid over a training, for real: two processes on the CPU."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import OmegaConf
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ldm.runs.folder import RunFolder
from ldm.runs.one_file import one_file
from ldm.runs.options import parse_options
from ldm.runs.settings import config_of
from ldm.runs.strategies import Ddp, DeepSpeed, FullyShard, cuts_up, require_kind, require_whole
from ldm.util import instantiate_from_config
from tests.runs.test_resume import differences

STRATEGIES = ("ddp", "fsdp", "deepspeed_stage_2_offload", "deepspeed_stage_3_offload")
ON_CPU = {"ldm.runs.strategies.DeepSpeed": "tests.runs.on_cpu.DeepSpeedOnCpu"}
METHODS = {
    "people": (),
    "unet": (  # what is cut up: a network itself; its pictures and captions are those of two people
        "model.params.personalization_config.target=ldm.modules.finetune.FullFinetune",
        "data.params.train.params.placeholder_strings=[sks,ks]",
    ),
}
SETTING = (
    "data.params.batch_size=2",
    "data.params.train.params.num_variants=2",
    "model.params.face_backend=yunet-sface",
    "model.params.optimizer_config.params.warmup_steps=0",
    "lightning.callbacks.image_logger.params.batch_frequency=2",
    "lightning.modelcheckpoint.params.every_n_train_steps=2",
    "lightning.trainer.accelerator=cpu",
    "lightning.trainer.devices=2",
    "lightning.trainer.log_every_n_steps=1",
    "lightning.trainer.max_steps=4",
)


def main(root: Path, *words: object) -> None:
    """``python main.py``, which starts the second process."""
    command = [sys.executable, "main.py", *map(str, words)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def runs(root: Path, tiny_model: Path, tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory):
    """A function that gives the run of a strategy: trained once, with ``more`` settings."""
    logs = tmp_path_factory.mktemp("logs")
    known: dict[str, RunFolder] = {}

    def run_of(name: str, method: str = "unet", *more: str) -> RunFolder:
        place = "_".join((method, name, *(word.rpartition("=")[2] for word in more)))
        if place not in known:
            laid_over = OmegaConf.load(root / "configs" / "strategy" / f"{name}.yaml")
            node = laid_over.lightning.strategy
            node.target = ON_CPU.get(node.target, node.target)
            OmegaConf.save(laid_over, logs / f"{name}.yaml")
            base = root / "configs" / "stable-diffusion" / "celeb_basis.yaml"
            words = ("--base", base, logs / f"{name}.yaml", "-t", "-l", logs / place)
            main(
                root,
                *words,
                "--actual_resume",
                tiny_model,
                "--data_root",
                tiny_manifest,
                *SETTING,
                *METHODS[method],
                *more,
            )
            [path] = (logs / place).iterdir()
            known[place] = RunFolder.open(path)
        return known[place]

    return run_of


def losses(run: RunFolder) -> list[float]:
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    return [scalar.value for scalar in events.Scalars("train/loss")]


def exported(run: RunFolder) -> dict[str, torch.Tensor]:
    files = sorted((run.checkpoints / "model_gs-3" / "unet").glob("*.safetensors"))
    return {name: tensor for file in files for name, tensor in load_file(file).items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_losses_and_files_are_those_of_ddp(runs, name: str) -> None:
    ours, theirs = runs(name), runs("ddp")
    assert losses(ours) == pytest.approx(losses(theirs), abs=1e-3)
    assert len(losses(ours)) == 4
    left, right = exported(ours), exported(theirs)
    assert left.keys() == right.keys()
    apart = torch.cat([(tensor.float() - right[key].float()).abs().flatten() for key, tensor in left.items()])
    assert float(apart.mean()) < 1e-4
    assert len(list((ours.images / "train").glob("samples_scaled*"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_going_on_equals_never_having_stopped(root: Path, runs, name: str, tmp_path: Path) -> None:
    whole = runs(name)
    shutil.copytree(whole.path, tmp_path / "run")
    again = RunFolder.open(tmp_path / "run")
    main(root, "-r", again.checkpoints / "previous.ckpt", "-t")
    left, right = exported(whole), exported(again)
    assert [key for key in left if not torch.equal(left[key], right[key])] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_checkpoint_becomes_one_file(runs, name: str, tmp_path: Path) -> None:
    run = runs(name)
    one_file(run.checkpoint(), tmp_path / "one.ckpt")
    state = torch.load(tmp_path / "one.ckpt", weights_only=True)["state_dict"]
    networks = {key.removeprefix("unet."): tensor for key, tensor in state.items()}
    trained = exported(run)
    assert networks.keys() == trained.keys()
    assert all(torch.equal(networks[key].half(), tensor) for key, tensor in trained.items())


@pytest.mark.slow
def test_people_are_learned_under_fsdp_as_under_ddp(runs) -> None:
    left, right = (load_file(runs(name, "people").exported(3)[-1]) for name in ("ddp", "fsdp"))
    assert left.keys() == right.keys()
    assert all(torch.allclose(left[key], right[key], atol=1e-5) for key in left)


@pytest.mark.slow
def test_two_processes_remember_people_as_one_does(runs) -> None:
    held = ("model.base_learning_rate=1e-30", "model.params.personalization_config.params.coefficient_scale=unit")
    two = runs("ddp", "people", *held)
    one = runs("ddp", "people", *held, "lightning.trainer.devices=1", "data.params.batch_size=4")
    left, right = (load_file(run.exported(3)[-1])["coefficients"] for run in (two, one))
    assert float(left.norm()) > 0.1
    assert torch.allclose(left, right, atol=1e-6)


@pytest.mark.slow
def test_people_learned_under_ddp_are_gone_on_with(root: Path, runs, tmp_path: Path) -> None:
    whole = runs("ddp", "people")
    shutil.copytree(whole.path, tmp_path / "run")
    again = RunFolder.open(tmp_path / "run")
    main(root, "-r", again.checkpoints / "previous.ckpt", "-t")
    left, right = (torch.load(run.checkpoint(), weights_only=True) for run in (whole, again))
    assert differences(left, right) == []


def test_parameters_are_offloaded_in_stage_3_only() -> None:
    with pytest.raises(ValueError, match=r"offload_parameters needs stage 3.*stage is 2"):
        DeepSpeed(stage=2, offload_parameters=True)


def test_deepspeed_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldm.runs.strategies.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'celebbasis-ldm\[deepspeed\]'"):
        DeepSpeed()


@pytest.mark.parametrize(("strategy", "refused"), [(FullyShard(), True), (DeepSpeed(stage=3), True), (Ddp(), False)])
def test_what_reads_parameters_alone_is_refused_where_they_are_cut_up(strategy, refused: bool) -> None:
    trainer = SimpleNamespace(strategy=strategy)
    with pytest.raises(ValueError, match=r"callbacks\.ema: \w+ cuts up") if refused else nullcontext():
        require_whole(trainer, "ema")


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_command_at_the_head_of_a_file_names_no_callback_that_is_refused(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = (root / "configs" / "strategy" / f"{name}.yaml").read_text(encoding="utf-8").replace("\\\n#", "")
    [command] = re.findall(r"^# +python main\.py (.*)$", head, re.MULTILINE)
    monkeypatch.chdir(root)
    lightning = config_of(parse_options(shlex.split(command))).lightning
    trainer = SimpleNamespace(strategy=instantiate_from_config(lightning.strategy))
    named = {callback for callback, node in (lightning.get("callbacks") or {}).items() if node is not None}
    assert not cuts_up(trainer) or named <= {"image_logger"}, "who else looks needs all parameters in one process"


@pytest.mark.parametrize(("folder", "strategy", "how"), [(True, Ddp(), "under"), (False, DeepSpeed(), "without")])
def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path, folder: bool, strategy, how: str) -> None:
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.mkdir() if folder else checkpoint.touch()
    with pytest.raises(ValueError, match=f"last.ckpt was saved {how} DeepSpeed"):
        require_kind(checkpoint, SimpleNamespace(strategy=strategy))


def test_deepspeed_needs_a_gpu() -> None:
    strategy = DeepSpeed()
    strategy.parallel_devices, strategy.cluster_environment = [torch.device("cpu")], LightningEnvironment()
    with pytest.raises(ValueError, match="DeepSpeed needs a CUDA device"):
        strategy.setup_environment()


def test_the_patience_can_be_set() -> None:
    assert FullyShard(timeout_s=7)._timeout.total_seconds() == 7
