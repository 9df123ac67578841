from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from ldm.weights.create import create_model
from ldm.weights.read import read_model
from tests.tiny_model import CONFIG

WORDS = ["a", "photo", "of", "sks", "ks", "tom", "hanks", "beyoncé"]


@pytest.fixture(scope="module")
def created(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("created") / "model"
    create_model(folder, CONFIG, WORDS, tiny_model / "vae", latent_std=0.5)
    return folder


def test_it_is_a_whole_model(created: Path) -> None:
    parts = read_model(created)
    assert parts.text_encoder.config.max_position_embeddings == parts.tokenizer.model_max_length == 32
    assert StableDiffusionPipeline.from_pretrained(created, safety_checker=None, local_files_only=True)


def test_special_ids_of_tokenizer_and_text_encoder_agree(created: Path) -> None:
    parts = read_model(created)
    config = parts.text_encoder.config
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert getattr(config, name) == getattr(parts.tokenizer, name)
    ids = torch.tensor([parts.tokenizer("a photo of sks", padding="max_length", max_length=32)["input_ids"]])
    output = parts.text_encoder(ids)
    assert output.pooler_output.equal(output.last_hidden_state[:, 5]), "pooled at the first end token"


def test_words_are_single_tokens_and_rows_start_small(created: Path) -> None:
    parts = read_model(created)
    assert all(len(parts.tokenizer.tokenize(word)) == 1 for word in WORDS)
    rows = parts.text_encoder.get_input_embeddings().weight.detach()
    assert float(rows.std()) == pytest.approx(0.02, rel=0.05), "larger rows drown what names have in common"


def test_the_first_stage_is_the_given_one_scaled_to_unit_deviation(created: Path, tiny_model: Path) -> None:
    vae, given = (AutoencoderKL.from_pretrained(folder / "vae") for folder in (created, tiny_model))
    assert vae.config.scaling_factor == 2.0
    assert all(value.equal(given.state_dict()[name]) for name, value in vae.state_dict().items())


def test_the_same_seed_gives_the_same_model(created: Path, tiny_model: Path, tmp_path: Path) -> None:
    create_model(tmp_path / "same", CONFIG, WORDS, tiny_model / "vae", 0.5)
    create_model(tmp_path / "other", CONFIG, WORDS, tiny_model / "vae", 0.5, seed=1)
    same, other, first = (read_model(folder) for folder in (tmp_path / "same", tmp_path / "other", created))
    for name in ("unet", "text_encoder"):
        states = [parts.networks()[name].state_dict() for parts in (first, same, other)]
        assert all(value.equal(states[1][key]) for key, value in states[0].items())
        assert not all(value.equal(states[2][key]) for key, value in states[0].items())
