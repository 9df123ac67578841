import json

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.vision import ClipJudge, Look, PictureNetwork

LOOK = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory, tiny_model):
    """A folder of a tiny, random CLIP, complete."""
    from transformers import AutoTokenizer, CLIPConfig, CLIPModel

    folder = tmp_path_factory.mktemp("clip") / "tiny-clip"
    tokenizer = AutoTokenizer.from_pretrained(tiny_model / "tokenizer")
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 12, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**small, **text}, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=8
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_look(folder)
    return folder


def write_look(folder):
    mean = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2]}
    (folder / "preprocessor_config.json").write_text(json.dumps(LOOK | mean))


@pytest.fixture
def pictures(astronaut, hopper):
    return [astronaut, hopper, Image.new("RGB", (40, 90), "red")]


def test_a_prompt_score_is_the_cosine_of_clips_two_vectors(clip, pictures):
    from transformers import AutoTokenizer, CLIPModel

    prompts = ["a photo of a person", "a photo of a person smiling", "face " * 40]
    scores = ClipJudge(clip).scores(pictures, prompts)
    net, tokenizer = CLIPModel.from_pretrained(clip).eval(), AutoTokenizer.from_pretrained(clip)
    pixels = torch.from_numpy(np.asarray(Look.of(clip)(pictures)))
    for place, prompt in enumerate(prompts):
        words = tokenizer([prompt], truncation=True, max_length=12, return_tensors="pt")
        with torch.no_grad():
            out = net(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"], pixel_values=pixels[place][None]
            )
        assert scores[place] == pytest.approx(float((out.text_embeds @ out.image_embeds.T)[0, 0]), abs=1e-5)
    assert ClipJudge(clip).name == "clip tiny-clip"


def test_pictures_are_shown_as_transformers_shows_them(clip, pictures):
    from transformers import CLIPImageProcessorPil

    theirs = CLIPImageProcessorPil.from_pretrained(clip)(pictures, return_tensors="pt")["pixel_values"]
    np.testing.assert_allclose(Look.of(clip)(pictures), theirs, atol=0.06)


@pytest.mark.parametrize("kind", ["clip", "dino"])
def test_a_picture_is_most_like_itself(clip, pictures, tmp_path, kind):
    folder = clip
    if kind == "dino":
        from transformers import Dinov2Config, Dinov2Model

        folder = tmp_path / "dino"
        torch.manual_seed(0)
        Dinov2Model(
            Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8)
        ).save_pretrained(folder)
        write_look(folder)
    network = PictureNetwork(folder)
    vectors = network.vectors(pictures)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    assert network.similarity(pictures[:1], pictures[:1]) == pytest.approx(1, abs=1e-5)
    assert network.similarity(pictures[:1], pictures[2:]) < 0.999


def test_what_is_no_such_folder_is_said(tmp_path, clip):
    with pytest.raises(FileNotFoundError, match=r"has no preprocessor_config\.json"):
        ClipJudge(tmp_path)
    write_look(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no transformers folder: it has no config\.json"):
        PictureNetwork(tmp_path).vectors([Image.new("RGB", (8, 8))])
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ValueError, match="cannot be read by transformers"):
        PictureNetwork(tmp_path).vectors([Image.new("RGB", (8, 8))])
