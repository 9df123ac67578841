"""A finished run as a model and as a pipeline: `from ldm import load`."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from ldm import load
from ldm.faces import encode, insightface_pack
from ldm.modules.artifacts import read_artifact, write_artifact
from ldm.modules.finetune import FullFinetune
from ldm.modules.personalization import Artifact
from ldm.runs.folder import RunFolder
from ldm.runs.load import MEAN, everybody, find_run, load_model, manager_of, people_vectors, step_of
from ldm.runs.whole import seal
from main import main
from tests.tiny_model import BACKEND, write_tiny_model


def pixels(pipe: object, prompt: str) -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    drawn = pipe(prompt, num_inference_steps=3, generator=torch.Generator().manual_seed(1))
    return np.asarray(drawn.images[0]).astype(int)


def test_a_pipeline_in_which_sks_works(tiny_run: Path) -> None:
    pipe = load(str(tiny_run))
    assert pipe.people.shape[:2] == (2, 2)
    swapped = load(tiny_run, people=[1, 0], step=5)
    assert (pixels(pipe, "a photo of sks") == pixels(swapped, "a photo of ks")).all()
    assert (pixels(pipe, "a photo of sks") != pixels(swapped, "a photo of sks")).any()


def test_steps_and_guidance_are_the_models_own_where_none_are_given(tiny_run: Path) -> None:
    pipe = load(tiny_run)
    drawn = {}
    for given in ((), ("num_inference_steps", 4), ("num_inference_steps", 3), ("guidance_scale", 1.0)):
        options = {given[0]: given[1]} if given else {}
        seeded = torch.Generator().manual_seed(1)
        drawn[given] = np.asarray(pipe("a photo of sks", generator=seeded, **options).images[0]).astype(int)
        assert pipe.num_timesteps == options.get("num_inference_steps", 4), "defaults.yaml says 4"
        assert pipe.guidance_scale == options.get("guidance_scale", 4.0), "defaults.yaml says 4.0"
    assert (drawn[()] == drawn["num_inference_steps", 4]).all()
    assert (drawn[()] != drawn["num_inference_steps", 3]).any()
    assert (drawn[()] != drawn["guidance_scale", 1.0]).any()
    assert np.asarray(pipe(["sks", "ks"], 8, 16, 2).images[1]).shape == (8, 16, 3), "in the order of diffusers"


def test_people_and_the_mean(tiny_run: Path) -> None:
    model = load_model(tiny_run)
    assert everybody(model) == [0, 1]
    vectors = people_vectors(model, [1, MEAN])
    assert torch.equal(vectors[0], manager_of(model).person_vectors(1))
    assert torch.equal(vectors[1], manager_of(model).basis.mean)


def test_going_on_to_a_later_step_is_as_loading_it(tiny_run: Path) -> None:
    model = load_model(tiny_run, step=1)
    early = people_vectors(model, [0, 1])
    assert load_model(tiny_run, step=5, loaded=model) is model
    late = people_vectors(model, [0, 1])
    assert torch.equal(late, people_vectors(load_model(tiny_run, step=5), [0, 1]))
    assert not torch.equal(late, early)


def test_a_run_by_its_name(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").symlink_to(tiny_run.parent)
    monkeypatch.chdir(tmp_path)
    assert find_run(Path(tiny_run.name)).path.resolve() == tiny_run.resolve()
    with pytest.raises(FileNotFoundError, match=f"logs/none: no such run; logs holds {tiny_run.name}"):
        find_run(Path("none"))


def test_steps(tiny_run: Path) -> None:
    run = RunFolder.open(tiny_run)
    assert step_of(run, None) == 5
    assert step_of(run, 1) == 1
    with pytest.raises(LookupError, match="has no exported files of step 2; there are the steps 1, 3, 5"):
        step_of(run, 2)


def test_damaged_files_are_told_by_the_manifest(
    tiny_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bit that fell over leaves a file that can be read, of somebody else."""
    run = RunFolder.open(shutil.copytree(tiny_run, tmp_path / tiny_run.name))
    [path] = [file for file in run.exported(5) if file.suffix == ".safetensors"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert step_of(run, None) == step_of(run, "last") == 3
    assert f"{path}: its contents are not those of the manifest (SHA-256); step 3 is taken" in caplog.text
    with pytest.raises(ValueError, match=r"embeddings_gs-5.*\(SHA-256\): take another step, there are 1, 3, 5"):
        load_model(run.path, step=5)
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"bytes; the manifest says [\d,]+: take another step"):
        step_of(run, 5)
    for file in run.checkpoints.glob("embeddings_gs-*.safetensors"):
        file.write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"gs-5.*gs-3.*gs-1.*it has 6 bytes; .*: none of its steps is whole"):
        load_model(run.path)
    (run.checkpoints / "manifest.json").unlink()
    assert step_of(run, None) == 5, "nothing is known of what a run without a manifest should be"


def test_weights_with_other_words_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other", more_words=("zebra",))
    with pytest.raises(ValueError, match=r"learned on a model with other words \(tokenizer \w+\) than .*/other has"):
        load_model(tiny_run, other)


def test_weights_moved_elsewhere(tiny_run: Path, tiny_model: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(tiny_model, tmp_path / "moved")
    assert load_model(tiny_run, moved).weights_folder == moved


def test_the_file_that_a_run_started_from_may_be_gone(tiny_run: Path, tmp_path: Path) -> None:
    run = RunFolder.open(shutil.copytree(tiny_run, tmp_path / tiny_run.name))
    config = OmegaConf.load(run.project_config)
    config.model.params.personalization_config.params.embedding_manager_ckpt = "gone.safetensors"
    OmegaConf.save(config, run.project_config)
    assert everybody(load_model(run.path)) == [0, 1]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a face network is an error."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a face network was loaded")

    monkeypatch.setattr(encode, "open_session", refused)
    monkeypatch.setattr(insightface_pack, "open_session", refused)
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", refused)


@pytest.mark.usefixtures("no_network")
def test_drawing_takes_no_face_network(tiny_run: Path) -> None:
    assert (pixels(load(tiny_run), "a photo of sks") != pixels(load(tiny_run), "a photo of ks")).any()


def with_config(run: Path, folder: Path, key: str, value: str) -> Path:
    """A copy of a run whose config says something else."""
    copy = RunFolder.open(shutil.copytree(run, folder / run.name))
    config = OmegaConf.load(copy.project_config)
    OmegaConf.update(config, f"model.params.{key}", value)
    OmegaConf.save(config, copy.project_config)
    return copy.path


@pytest.mark.usefixtures("no_network")
def test_drawing_needs_no_pack_that_the_run_was_trained_with(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = with_config(tiny_run, tmp_path, "face_backend", "antelopev2")
    assert (pixels(load(run), "a photo of sks") == pixels(load(tiny_run), "a photo of sks")).all()
    assert main(["-r", str(run), "-t"]) == 1, "learning needs it"
    assert "no insightface pack 'antelopev2'" in capsys.readouterr().err


@pytest.mark.usefixtures("no_network")
def test_layers_for_new_faces_are_those_of_the_files(tiny_run: Path, tmp_path: Path) -> None:
    manager = manager_of(load_model(tiny_run))
    with pytest.raises(LookupError, match=r"hold people, but no layers for other faces \(test_mode: image or all\)"):
        manager.face_vectors(torch.zeros(1, 128))
    run = RunFolder.open(with_config(tiny_run, tmp_path, "personalization_config.params.test_mode", "all"))
    state = torch.load(run.checkpoint(), weights_only=True)["state_dict"]
    layers = {name.partition(".")[2]: value for name, value in state.items() if ".head." in name}
    [path] = [file for file in run.exported() if file.suffix == ".safetensors"]
    exported = read_artifact(path)
    write_artifact(path, Artifact(exported.name, {**exported.tensors, **layers}, exported.metadata))
    seal(run.checkpoints, [path])
    manager = manager_of(load_model(run.path))
    assert manager.face_encoder_name == "sface"
    assert manager.head.layers[0].weight.equal(layers["head.layers.0.weight"])
    assert manager.export()[0].tensors.keys() >= layers.keys()


@pytest.fixture(scope="module")
def finetuned(tiny_model: Path, tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps that trained the UNet itself."""
    folder = tmp_path_factory.mktemp("finetuned")
    people = {
        "target": "ldm.data.face_id.FaceIdDatasetOneShot",
        "params": {"pickle_path": str(tiny_manifest), "placeholder_strings": ["sks", "ks"], "num_variants": 1},
    }
    tree = {
        "model": {
            "base_learning_rate": 0.01,
            "target": "ldm.models.diffusion.ddpm.LatentDiffusion",
            "params": {
                "ckpt_path": str(tiny_model),
                "face_backend": BACKEND,
                "personalization_config": {"target": "ldm.modules.finetune.FullFinetune"},
            },
        },
        "data": {
            "target": "ldm.data.module.DataModuleFromConfig",
            "params": {"batch_size": 2, "train": people},
        },
        "lightning": {
            "trainer": {"max_steps": 2, "accelerator": "cpu"},
            "modelcheckpoint": {"params": {"every_n_train_steps": 1}},
        },
    }
    OmegaConf.save(OmegaConf.create(tree), folder / "finetune.yaml")
    assert main(["--base", str(folder / "finetune.yaml"), "-t", "-l", str(folder / "logs")]) == 0
    [run] = (folder / "logs").iterdir()
    return run


def test_a_run_that_trained_the_networks(finetuned: Path, tiny_model: Path) -> None:
    """It exports whole models, folders, and these are what is loaded, whatever weights are named."""
    run = RunFolder.open(finetuned)
    assert run.steps() == [0, 1]
    assert [path.name for path in run.exported()] == ["model_gs-1"]
    model = load_model(finetuned, tiny_model)
    assert isinstance(model.personalization, FullFinetune)
    assert model.weights_folder == run.checkpoints / "model_gs-1"
    earlier = load_model(finetuned, step=0)
    weights = [dict(one.unet.named_parameters())["conv_out.weight"] for one in (model, earlier)]
    assert not torch.equal(*weights)
    trained = torch.load(run.checkpoint(), weights_only=True)["state_dict"]["unet.conv_out.weight"]
    assert torch.equal(weights[0], trained.half().float())
    assert load_model(finetuned, step=1, loaded=earlier) is not earlier


def test_a_pipeline_of_such_a_run(finetuned: Path, tiny_model: Path) -> None:
    pipe = load(finetuned)
    assert pipe.people is None
    pipe.check(["a photo of sks"])
    assert (pixels(pipe, "a photo") != pixels(load(finetuned, step=0), "a photo")).any()
    with pytest.raises(LookupError, match="this run did not learn people on the celeb basis"):
        load(finetuned, people=[0])
