import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ldm.weights import read
from ldm.weights.read import ModelDefaults, celeb_list, check_folder, read_defaults, read_model
from tests.tiny_model import MAX_LENGTH


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
    (copy.parent / "sd.ckpt").touch()
    with pytest.raises(FileNotFoundError, match=r"no model at .*nothing; models beside it: .*models/copy, .*/sd\.ckpt"):
        read_model(copy.parent / "nothing")
    with pytest.raises(FileNotFoundError, match=r"no model at .*nowhere\. The one .* is weights/embedded"):
        check_folder(copy / "nowhere")


def test_only_a_single_file_holds_averages(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match=r"is a folder with one set of weights: only a single file holds averages"):
        read_model(tiny_model, ema=True)


def test_a_truncated_or_missing_file_is_named(copy: Path) -> None:
    file = copy / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises((ValueError, OSError), match=r"unet are truncated or damaged: get them again"):
        read_model(copy)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"unet holds no weights, neither \.safetensors nor \.bin"):
        read_model(copy)


def test_a_folder_of_half_precision_files_only_is_read(copy: Path) -> None:
    """As some models on the hub are stored: unet/diffusion_pytorch_model.fp16.safetensors."""
    for file in copy.glob("*/*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    assert read_model(copy).sample_size_px == 16


def test_of_two_precisions_the_whole_one_is_read(copy: Path) -> None:
    """The halves, and averages of older trainers, come before it in the alphabet."""
    for file in copy.glob("*/*.safetensors"):
        halves = {name: tensor.half() for name, tensor in load_file(file).items()}
        for name in ("fp16", "non_ema"):
            save_file(halves, file.with_suffix(f".{name}.safetensors"))
        torch.save(halves, file.with_suffix(".bin"))
    for network in read_model(copy, None).networks().values():
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_weights_by_other_names_are_not_taken(copy: Path) -> None:
    for file in copy.glob("unet/*.safetensors"):
        file.rename(file.with_suffix(".non_ema.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"unet holds no weights by a name that diffusers and trans"):
        read_model(copy, None)


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


def change(file: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file, {"format": "pt"})


WEIGHTS = {
    "unet": ("diffusion_pytorch_model.safetensors", "conv_in.bias"),
    "vae": ("diffusion_pytorch_model.safetensors", "decoder.conv_in.bias"),
    "text_encoder": ("model.safetensors", "final_layer_norm.bias"),
}


@pytest.mark.parametrize("part", WEIGHTS)
def test_weights_that_do_not_fit_are_refused(copy: Path, part: str) -> None:
    """The libraries would draw the missing ones at random and go on."""
    name, key = WEIGHTS[part]
    whole, file = (copy / part / name).read_bytes(), copy / part / name
    change(file, lambda tensors: tensors.pop(key))
    with pytest.raises(ValueError, match=rf"in .*{part} are not those of its config\.json \(1 missing: {key}\)"):
        read_model(copy)
    file.write_bytes(whole)
    change(file, lambda tensors: tensors.update({f"foreign.{n}": torch.zeros(2) for n in range(5)}))
    with pytest.raises(ValueError, match=r"\(5 unknown: foreign\.0, foreign\.1, foreign\.2, \.\.\.\)"):
        read_model(copy)
    file.write_bytes(whole)
    change(file, lambda tensors: tensors.update({key: torch.zeros(3)}))
    with pytest.raises(ValueError, match=rf"\(1 of another shape: {key} \(3,\) instead of \(\d+,\)\)"):
        read_model(copy)


def test_text_encoders_of_stable_diffusion_1_have_older_names(copy: Path) -> None:
    """Their files have a prefix and the numbers of the positions, as transformers before 5 wrote them."""
    file = copy / "text_encoder" / "model.safetensors"
    new = load_file(file)
    old = {f"text_model.{name}": tensor for name, tensor in new.items()}
    save_file({**old, "text_model.embeddings.position_ids": torch.arange(MAX_LENGTH)[None]}, file, {"format": "pt"})
    state = read_model(copy).text_encoder.state_dict()
    assert {name for name, tensor in new.items() if not state[name].equal(tensor)} == set()
    del old["text_model.encoder.layers.1.mlp.fc1.weight"]
    save_file(old, file, {"format": "pt"})
    with pytest.raises(ValueError, match=r"1 missing: encoder\.layers\.1\.mlp\.fc1\.weight"):
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


def test_the_size_of_a_picture_may_stand_beside_the_model(copy: Path) -> None:
    defaults = (copy / "defaults.yaml").read_text()
    (copy / "defaults.yaml").write_text(f"{defaults}sample_size_px: 32\n")
    parts = read_model(copy)
    assert (parts.sample_size_px, parts.unet.config.sample_size * parts.downscale) == (32, 32)
    (copy / "defaults.yaml").write_text(f"{defaults}sample_size_px: 30\n")
    with pytest.raises(ValueError, match=r"defaults\.yaml of .*: sample_size_px 30 is no multiple of \d+"):
        read_model(copy)


def test_the_models_own_list_of_names_comes_first(tiny_model: Path, tmp_path: Path) -> None:
    assert celeb_list(tiny_model, read_defaults(tiny_model)) == tiny_model / "names.txt"


def test_else_the_list_of_the_working_folder_else_our_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "weights" / "sd"
    assert celeb_list(model, ModelDefaults()) == root / "infer_images" / "names.txt"
    (tmp_path / "infer_images").mkdir()
    (tmp_path / "infer_images" / "names.txt").write_text("Tom Hanks\n")
    assert celeb_list(model, ModelDefaults()) == tmp_path / "infer_images" / "names.txt"
    monkeypatch.setattr(read, "REPOSITORY", tmp_path / "repository")
    with pytest.raises(
        FileNotFoundError, match=r"few\.txt, is in none of .*sd, .*, .*repository: put one there, or name"
    ):
        celeb_list(model, ModelDefaults(celeb_txt="few.txt"))


def test_people_are_learned_from_any_folder(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without a list of its own takes ours, wherever it is called from."""
    from ldm.models.diffusion.ddpm import LatentDiffusion

    (copy / "defaults.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    stage = "ldm.modules.encoders.modules.FrozenCLIPEmbedder"
    model = LatentDiffusion(copy, cond_stage_config={"target": stage, "params": {"use_celeb": True}})
    assert model.cond_stage_model.celeb_basis is not None
    monkeypatch.setattr(read, "REPOSITORY", tmp_path)
    assert LatentDiffusion(copy).cond_stage_model.celeb_basis is None, "a list that nobody needs may be missing"
    with pytest.raises(FileNotFoundError, match=r"infer_images/names\.txt, is in none of"):
        LatentDiffusion(copy, cond_stage_config={"target": stage, "params": {"use_celeb": True}})


def test_the_index_names_classes_that_diffusers_loads(tiny_model: Path) -> None:
    index = json.loads((tiny_model / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert index["scheduler"] == ["diffusers", "DDPMScheduler"]


def test_there_is_no_bar_over_the_shards_unless_wanted(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers.utils import logging

    for value, bars in (("0", True), ("1", False)):
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", value)
        logging.enable_progress_bar()
        read_model(tiny_model)
        assert logging.is_progress_bar_enabled() == bars
