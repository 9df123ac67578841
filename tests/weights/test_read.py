import json
import shutil
from pathlib import Path

import pytest
import torch

from ldm.weights.read import ModelDefaults, celeb_list, check_folder, read_defaults, read_model


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "copy"))


def test_all_parts_are_read(tiny_model: Path) -> None:
    parts = read_model(tiny_model)
    assert parts.sample_size_px == 16
    assert parts.downscale == 2
    assert parts.folder == tiny_model
    assert set(parts.networks()) == {"unet", "vae", "text_encoder"}
    for network in parts.networks().values():
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
        assert not network.training
    assert len(parts.tokenizer) == parts.text_encoder.config.vocab_size
    assert parts.scheduler.config.prediction_type == "v_prediction"


def test_half_precision_is_read_as_asked_for(tiny_model: Path) -> None:
    parts = read_model(str(tiny_model), torch.bfloat16)
    for network in parts.networks().values():
        assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


def test_a_folder_that_is_not_there_is_answered_with_those_that_are(copy: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no model at .*nothing; models beside it: .*models/copy"):
        read_model(copy.parent / "nothing")
    with pytest.raises(FileNotFoundError, match=r"no model at .*nowhere\. The one .* is weights/embedded"):
        check_folder(copy / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").touch()
    with pytest.raises(FileNotFoundError, match=r"model\.ckpt is a file; a diffusers folder .* is needed here"):
        read_model(tmp_path / "model.ckpt")


def test_missing_parts_are_all_named(copy: Path) -> None:
    shutil.rmtree(copy / "tokenizer")
    (copy / "model_index.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no complete diffusers folder: it lacks model_index.json, tokenizer$"):
        read_model(copy)


def test_a_tokenizer_of_another_size_is_refused(copy: Path, root: Path) -> None:
    shutil.rmtree(copy / "tokenizer")
    shutil.copytree(root / "tests/golden/clip_words", copy / "tokenizer")
    with pytest.raises(ValueError, match=r"tokenizer has \d+ entries, the text encoder \d+; one of them is foreign"):
        read_model(copy)


def test_what_depends_on_the_model_stands_beside_it(tiny_model: Path, tmp_path: Path) -> None:
    assert read_defaults(tiny_model) == ModelDefaults(4.0, 4, "names.txt", "ddim")
    assert read_defaults(tmp_path) == ModelDefaults(10.0, 50, "infer_images/names.txt", "ddim"), "as SD 1.x"
    (tmp_path / "defaults.yaml").write_text("# nothing\n")
    assert read_defaults(tmp_path) == ModelDefaults()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guidance: 4\nsteps: 3", r"defaults\.yaml: unknown keys guidance, steps; known are celeb_txt, guidance_sc"),
        ("guidance_scale: strong", r'defaults\.yaml: guidance_scale: "strong" given, a number .*wanted'),
        ("guidance_scale: -1", r"defaults\.yaml: guidance_scale: -1 given"),
        ("num_inference_steps: 2.5\nceleb_txt: [a]", r'num_inference_steps: 2\.5 given.*; celeb_txt: \["a"\] given'),
        ("sampler: true", r"defaults\.yaml: sampler: true given, .*text wanted"),
        ("- a", r"defaults\.yaml is not a mapping of key: value"),
        ("a: [", r"defaults\.yaml is not YAML"),
    ],
)
def test_defaults_that_cannot_be_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "defaults.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_defaults(tmp_path)


def test_the_models_own_list_of_names_comes_first(tiny_model: Path, tmp_path: Path) -> None:
    assert celeb_list(tiny_model, read_defaults(tiny_model)) == tiny_model / "names.txt"
    assert celeb_list(tmp_path, ModelDefaults()) == Path("infer_images/names.txt")


def test_the_index_names_classes_that_diffusers_loads(tiny_model: Path) -> None:
    index = json.loads((tiny_model / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert index["scheduler"] == ["diffusers", "DDPMScheduler"]
