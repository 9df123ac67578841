"""Pictures and texts in one space, on a tiny random CLIP model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from ldm.data.vocabulary import write_tokenizer
from ldm.modules.encoders.clip_space import ClipSpaceEmbedder

WORDS = ["a", "photo", "of", "man", "woman", "smiling"]


def write_clip(folder: Path) -> Path:
    """A CLIPModel folder: 12 numbers a picture or text, 16 tokens."""
    torch.manual_seed(0)
    tokenizer = write_tokenizer(folder, WORDS, 16)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.eos_token_id,
    }
    text = {**tower, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 16}
    vision = {**tower, "image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return ClipSpaceEmbedder(None, torch.nn.Linear(1, 1), write_clip(tmp_path_factory.mktemp("clip")))


@torch.no_grad()
def told(stage, *prompts):
    return stage(stage.tokenize(prompts)).context


def test_a_prompt_is_one_token_and_the_empty_one_the_zero_vector(stage):
    context = told(stage, "a photo of a man", "", "a woman")
    assert context.shape == (3, 1, 12) == (3, 1, stage.width)
    assert context[1].abs().max() == 0
    assert not context[0].equal(context[2])
    own = stage.clip.get_text_features(**stage.clip_tokenizer(["a photo of a man"], return_tensors="pt")).pooler_output
    torch.testing.assert_close(context[0], own)


def test_pictures_are_seen_as_clip_sees_them(stage, astronaut):
    picture = astronaut.resize((32, 32))
    pixels = CLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False)(picture, return_tensors="pt")
    with torch.no_grad():
        own = stage.clip.get_image_features(pixel_values=pixels["pixel_values"]).pooler_output
    signed = torch.from_numpy(np.asarray(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(stage.embed_pictures(signed), own, atol=1e-4, rtol=1e-3)
    assert stage.embed_pictures(torch.zeros(2, 3, 64, 64)).shape == (2, 12)


def test_a_pictures_vector_comes_before_its_caption_unless_it_was_dropped(stage):
    vectors = torch.stack([torch.ones(12), torch.zeros(12), torch.ones(12)])
    with torch.no_grad():
        context = stage.with_pictures(vectors, ["a man", "a woman", ""]).context
    assert context[0, 0].equal(torch.ones(12))
    torch.testing.assert_close(context[1], told(stage, "a woman")[0])
    assert context[2].abs().max() == 0


def test_normalized_vectors_have_length_one(stage, tmp_path):
    unit = ClipSpaceEmbedder(None, torch.nn.Linear(1, 1), write_clip(tmp_path), normalize=True)
    torch.testing.assert_close(told(unit, "a man").norm(dim=-1), torch.ones(1, 1))
    assert told(unit, "").abs().max() == 0


def test_long_prompts_and_missing_folders_are_named(stage, tmp_path):
    with pytest.raises(ValueError, match="has 22 tokens with begin and end, the text encoder takes 16"):
        stage.tokenize(["a " * 20])
    with pytest.raises(FileNotFoundError, match="is no folder of a transformers CLIP model"):
        ClipSpaceEmbedder(None, torch.nn.Linear(1, 1), tmp_path / "no")


def test_the_picture_side_is_known_by_its_weights_not_by_its_folder(stage, tmp_path):
    same = ClipSpaceEmbedder(None, torch.nn.Linear(1, 1), write_clip(tmp_path / "a" / "clip"))
    other = ClipSpaceEmbedder(None, torch.nn.Linear(1, 1), write_clip(tmp_path / "b" / "clip"))
    with torch.no_grad():
        other.clip.visual_projection.weight[0, 0] += 1
        same.clip.text_projection.weight[0, 0] += 1
    assert (same.name, same.picture_side) != (other.name, other.picture_side)
    assert same.name == other.name == "clip"
    assert same.picture_side.split()[1] == stage.picture_side.split()[1], "texts have no part in it"
