"""People as other programs read them; proved on a plain diffusers pipeline, which knows nothing of this repository."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from ldm.runs.draw import DrawSettings, draw_prompt
from ldm.runs.extract import extract_people
from ldm.runs.load import load
from ldm.weights.textual_inversion import token_of, tokens_of, write_a1111, write_diffusers, write_emb_params, write_pt
from tests.tiny_model import train_people

BOTH = "{}, {}"
GUIDANCE = 12.0
"""So strong that an untrained model, which hardly hears the order of words, draws another picture for another order."""


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_manifest: Path) -> Path:
    """People so far from the mean of the names that the untrained model draws them apart."""
    far = "model.params.personalization_config.params.coefficient_scale=unit"
    return train_people(tiny_model, tiny_manifest, tmp_path_factory.mktemp("logs"), far)


@pytest.fixture(scope="module")
def extracted(tiny_run: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("weights")
    extract_people(tiny_run, tiny_model, out=out)
    return out / "ti_id_embeddings"


@pytest.fixture
def plain(tiny_model: Path) -> Any:
    """A plain pipeline with the sampler of `generate`, as a user of diffusers makes it."""
    pipe = StableDiffusionPipeline.from_pretrained(tiny_model)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, set_alpha_to_one=False, clip_sample=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pixels(picture: Image.Image) -> NDArray[np.int16]:
    return np.asarray(picture).astype(np.int16)


def drawn_plainly(pipe: Any, prompt: str) -> NDArray[np.int16]:
    generator = torch.Generator().manual_seed(42)
    return pixels(pipe(prompt, num_inference_steps=4, guidance_scale=GUIDANCE, generator=generator).images[0])


def drawn_by_us(run: Path, prompt: str) -> NDArray[np.int16]:
    settings = DrawSettings(num_samples=1, num_inference_steps=4, guidance_scale=GUIDANCE)
    [(_, picture)] = draw_prompt(load(run), prompt, settings)
    return pixels(picture)


@pytest.mark.parametrize("form", ["diffusers/{}.safetensors", "a1111/{}.pt"])
def test_two_people_in_a_plain_pipeline(plain: Any, extracted: Path, tiny_run: Path, form: str) -> None:
    for name in ("sks", "ks"):
        plain.load_textual_inversion(extracted / form.format(name), token=f"<{name}>")
    ours, theirs = drawn_by_us(tiny_run, BOTH.format("ks", "sks")), drawn_plainly(plain, BOTH.format("<ks>", "<sks>"))
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(ours - drawn_plainly(plain, BOTH.format("<sks>", "<ks>"))).max() > 10
    one, other = (drawn_plainly(plain, f"a photo of <{name}>") for name in ("sks", "ks"))
    assert np.abs(one - other).max() > 10


def test_words_around_the_token_stay_what_they_were(plain: Any, extracted: Path, tiny_run: Path) -> None:
    """A bare "sks" would be cut out of "asks", and "ks" out of "sks"."""
    alone = drawn_plainly(plain, "a photo of asks, flasks")
    for name in ("sks", "ks"):
        plain.load_textual_inversion(extracted / "diffusers" / f"{name}.safetensors")
    assert np.abs(drawn_plainly(plain, "a photo of asks, flasks") - alone).max() <= 1
    ours = drawn_by_us(tiny_run, "asks sks, a photo of a flask")
    assert np.abs(drawn_plainly(plain, "asks <sks>, a photo of a flask") - ours).max() <= 1


def test_the_bare_vectors_and_those_of_kohya_load_too(plain: Any, extracted: Path) -> None:
    plain.load_textual_inversion(extracted / "id_embedding_000.pt", token="<one>")
    plain.load_textual_inversion(extracted / "id_embedding_000.safetensors", token="<two>")
    one, two = (drawn_plainly(plain, f"a photo of <{name}>") for name in ("one", "two"))
    assert (one == two).all()


def test_what_a1111_reads(extracted: Path) -> None:
    content = torch.load(extracted / "a1111" / "ks.pt", weights_only=True)
    vectors = content.pop("string_to_param")["*"]
    assert torch.equal(vectors, torch.load(extracted / "id_embedding_001.pt", weights_only=True))
    assert content == {
        "string_to_token": {"*": 265},
        "name": "<ks>",
        "step": 5,
        "sd_checkpoint": None,
        "sd_checkpoint_name": "tiny",
    }


def test_what_diffusers_reads(extracted: Path, tiny_run: Path) -> None:
    path = extracted / "diffusers" / "sks.safetensors"
    [(token, vectors)] = load_file(path).items()
    assert token == "<sks>"
    assert torch.equal(vectors, torch.load(extracted / "id_embedding_000.pt", weights_only=True))
    with safe_open(path, "pt") as file:
        told = file.metadata()
    assert (told["run"], told["step"], told["person"], told["token"]) == (tiny_run.name, "5", "0", "<sks>")


@pytest.mark.parametrize("width", [256, 768])
def test_a_person_is_less_than_ten_kilobytes(tmp_path: Path, width: int) -> None:
    """At the sizes of the embedded model and of Stable Diffusion 1.x."""
    vectors, coefficients = torch.randn(7, 2, width)[0], torch.randn(7, 2, 1, 512)[0]
    facts = {"run": "training2026-11-21T10-00-00_celebbasis", "step": "799", "basis": "0" * 16, "person": "0"}
    written = [
        write_pt(tmp_path / "embedding.pt", vectors.clone()),
        write_pt(tmp_path / "coefficient.pt", coefficients.clone()),
        write_a1111(tmp_path / "a1111.pt", "<sks>", vectors, 799, "embedded"),
        write_diffusers(tmp_path / "diffusers.safetensors", "<sks>", vectors, facts),
        write_emb_params(tmp_path / "kohya.safetensors", vectors, facts),
    ]
    assert all(path.stat().st_size < 10_000 for path in written)


def test_tokens_of_names() -> None:
    assert tokens_of(["Ann Lee", "bob"], 2) == ["<ann-lee>", "<bob>"]
    assert token_of("Zoë_2") == "<zoë_2>"
    with pytest.raises(ValueError, match="1 names for 2 people: ann"):
        tokens_of(["ann"], 2)
    with pytest.raises(ValueError, match="two people would be called <ann>: give each a name of its own"):
        tokens_of(["ann", "Ann "], 2)
    for name in ("", "<ann>", "../ann", "ann/lee", "-"):
        with pytest.raises(ValueError, match="is no name for a token: use letters, digits, '-' and '_'"):
            token_of(name)
