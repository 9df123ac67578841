"""Textual inversions: every form to every other, bit by bit, and the same picture from each."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ldm.weights.tensors import read_tensors
from ldm.weights.textual_inversion import Embedding, read_embedding, write_embedding
from tests.weights.pictures import picture, pipeline

FORMS = {"a1111": "cat.pt", "diffusers": "cat.safetensors", "kohya": "cat-kohya.safetensors"}


@pytest.fixture
def cat() -> Embedding:
    torch.manual_seed(2)
    return Embedding("<cat>", torch.randn(2, 32).half(), 499, "sd-v1-4")


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
def test_every_form_to_every_other(cat: Embedding, tmp_path: Path, first: str, second: str) -> None:
    one = read_embedding(write_embedding(tmp_path / "a" / FORMS[first], cat, first))
    two = read_embedding(write_embedding(tmp_path / "b" / FORMS[second], one, second))
    for found in (one, two):
        assert found.vectors.equal(cat.vectors)
        assert found.vectors.dtype == torch.float16
        assert (found.token, found.step, found.model) == ("<cat>", 499, "sd-v1-4")


def test_diffusers_draws_the_same_with_each(cat: Embedding, small: Path, tmp_path: Path) -> None:
    def drawn(form: str) -> Any:
        pipe = pipeline(small)
        pipe.load_textual_inversion(str(write_embedding(tmp_path / FORMS[form], cat, form)), token="<cat>")
        return picture(pipe)

    pictures = {form: drawn(form) for form in FORMS}
    assert (pictures["a1111"] == pictures["diffusers"]).all()
    assert (pictures["kohya"] == pictures["diffusers"]).all()
    assert (picture(pipeline(small)) != pictures["kohya"]).any()


def test_other_peoples_files(tmp_path: Path) -> None:
    """One vector without a second axis; a bare tensor; a trainer's own module; names without brackets."""
    save_file({"<toy>": torch.ones(8)}, tmp_path / "learned_embeds.safetensors")
    assert read_embedding(tmp_path / "learned_embeds.safetensors").token == "<toy>"
    assert read_embedding(tmp_path / "learned_embeds.safetensors").vectors.shape == (1, 8)
    torch.save(torch.ones(2, 8), tmp_path / "Ann Lee.pt")
    assert read_embedding(tmp_path / "Ann Lee.pt").token == "<ann-lee>"
    kept = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.ones(2, 8))})
    torch.save({"string_to_token": {"*": torch.tensor(265)}, "string_to_param": kept}, tmp_path / "embeddings.pt")
    found = read_embedding(tmp_path / "embeddings.pt")
    assert found.vectors.equal(torch.ones(2, 8))
    assert found.token == "<embeddings>"
    content = {"string_to_param": {"*": torch.ones(1, 8)}, "name": "bob", "step": None, "sd_checkpoint_name": None}
    torch.save(content, tmp_path / "bob.pt")
    assert read_embedding(tmp_path / "bob.pt").token == "<bob>"


def test_they_say_what_they_are(cat: Embedding, tmp_path: Path) -> None:
    told = read_tensors(write_embedding(tmp_path / "cat.safetensors", cat, "kohya")).metadata
    assert told["modelspec.architecture"] == "latent-diffusion-32/textual-inversion"
    assert told["token"] == "<cat>"


def test_what_is_no_textual_inversion_is_refused(tmp_path: Path) -> None:
    save_file({"clip_l": torch.ones(2, 768), "clip_g": torch.ones(2, 1280)}, tmp_path / "xl.safetensors")
    with pytest.raises(
        ValueError, match=r"is a textual inversion of Stable Diffusion XL; a textual inversion of Stable"
    ):
        read_embedding(tmp_path / "xl.safetensors")
    torch.save({"string_to_param": {"a": torch.ones(2), "b": torch.ones(2)}}, tmp_path / "two.pt")
    with pytest.raises(ValueError, match=r"two\.pt holds 2 words \(a, b\): one is needed"):
        read_embedding(tmp_path / "two.pt")
    save_file({"lora_unet_a.lora_up.weight": torch.ones(2, 2)}, tmp_path / "lora.safetensors")
    with pytest.raises(ValueError, match=r"lora\.safetensors is a LoRA in kohya's form; a textual inversion"):
        read_embedding(tmp_path / "lora.safetensors")


def test_a_name_that_is_no_token_gives_way_to_that_of_the_file(tmp_path: Path) -> None:
    content = {"string_to_param": {"*": torch.ones(1, 8)}, "name": "Ann (v2)!"}
    torch.save(content, tmp_path / "ann.pt")
    assert read_embedding(tmp_path / "ann.pt").token == "<ann>"
    torch.save(content, tmp_path / "ann v2.1.pt")
    with pytest.raises(ValueError, match=r"neither 'Ann \(v2\)!', as it calls itself, nor 'ann v2\.1' can be a token"):
        read_embedding(tmp_path / "ann v2.1.pt")
    assert read_embedding(tmp_path / "ann v2.1.pt", "Ann Lee").token == "<ann-lee>"
    assert read_embedding(tmp_path / "ann.pt", "<Ann>").token == "<Ann>", "what is asked for counts first"
    with pytest.raises(ValueError, match="'<a b>' is no name for a token"):
        read_embedding(tmp_path / "ann.pt", "<a b>")
