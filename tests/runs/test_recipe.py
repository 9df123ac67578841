"""The recipe of the embedded model: who is listed, which words are tokens, which face of a picture counts."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from ldm.data.store import PictureStore, write_store
from ldm.runs import recipe
from ldm.weights.take import take_drawing_layers, take_text_encoder


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    """Ann Lee with five training pictures, Bob Ray with one, Cy Lee kept out, Zoe alone, one described picture."""
    names = ["Ann Lee"] * 5 + ["Bob Ray"] + ["Zoe"] * 5
    rows = [{"file": f"{i}.jpg", "source": "lfw", "split": "train", "name": name} for i, name in enumerate(names)]
    rows.append({"file": "k.jpg", "source": "lfw", "split": "held_out", "name": "Cy Lee"})
    rows.append({"file": "c.jpg", "source": "celeba", "split": "train", "attributes": ["Male"]})
    write_store(tmp_path / "store", ((np.zeros((8, 8, 3), np.uint8), row) for row in rows), {})
    return PictureStore(tmp_path / "store")


def test_only_names_whose_words_were_seen_often_are_listed(store: PictureStore) -> None:
    assert recipe.known_names(store) == ["Ann Lee"], "Bob Ray is too rare, Zoe has one word, Cy Lee was never trained"


def test_people_kept_out_are_listed(store: PictureStore) -> None:
    assert recipe.held_out_names(store) == ["Cy Lee"]


def test_words_that_become_tokens(store: PictureStore) -> None:
    words = recipe.vocabulary(store, ["beach", "well-known"])
    assert words[0] == "beach"
    assert {"photo", "sks", "ks", "ann", "bob", "ray"} <= set(words)
    assert not {"cy", "well-known"} & set(words), "kept out, and no single word"
    assert len(words) == len(set(words))


def test_words_of_a_store_that_was_split_the_legacy_way_become_tokens(tmp_path: Path) -> None:
    rows = [{"file": f"{n}.jpg", "split": split, "attributes": ["Male", "Wearing_Hat"]}
            for n, split in enumerate(("vae_train", "unet_train", "unet_test") * 9)]  # fmt: skip
    write_store(tmp_path / "legacy", ((np.zeros((8, 8, 3), np.uint8), row) for row in rows), {})
    assert {"man", "hat", "wearing"} <= set(recipe.vocabulary(PictureStore(tmp_path / "legacy"), []))


def test_a_list_of_words_has_comments(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# not these\nA b\nc\n", encoding="utf-8")
    assert recipe.read_words(tmp_path / "words.txt") == ["a", "b", "c"]


@pytest.fixture
def vae_folder(tmp_path: Path) -> Path:
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    vae = AutoencoderKL(**blocks, block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1, sample_size=16)
    vae.register_to_config(scaling_factor=0.5)
    vae.save_pretrained(tmp_path / "vae")
    return tmp_path / "vae"


def test_a_model_of_random_weights_fits_its_first_stage(store: PictureStore, vae_folder: Path, tmp_path: Path) -> None:
    from ldm.weights.read import read_model
    from tests.tiny_model import CONFIG

    (tmp_path / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    recipe.make_untrained(store.folder, vae_folder, tmp_path / "small.yaml", None, tmp_path / "model")
    parts = read_model(tmp_path / "model")
    assert parts.vae.config.scaling_factor == 0.5
    assert len(parts.tokenizer("ann lee, a man")["input_ids"]) == 2 + 5 + 0
    wrong = {**CONFIG, "unet": {**CONFIG["unet"], "in_channels": 16}}
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(ValueError, match=r"takes 16 x 8 x 8 latents, the first stage in .* gives 4 x 8 x 8"):
        recipe.make_untrained(store.folder, vae_folder, tmp_path / "wrong.yaml", None, tmp_path / "no")


def test_a_trained_text_encoder_can_be_taken(store: PictureStore, vae_folder: Path, tmp_path: Path) -> None:
    from ldm.weights.read import read_model
    from tests.modules.encoders.test_clip_space import write_clip
    from tests.tiny_model import CONFIG

    (tmp_path / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    recipe.make_untrained(store.folder, vae_folder, tmp_path / "small.yaml", None, tmp_path / "model")
    with pytest.raises(
        ValueError, match=r"is 16 wide, the UNet's cross-attention 32: set cross_attention_dim and hidden_size to 16"
    ):
        take_text_encoder(tmp_path / "model", write_clip(tmp_path / "clip"))
    with pytest.raises(FileNotFoundError, match="holds no text encoder"):
        take_text_encoder(tmp_path / "model", vae_folder.parent)
    narrow = {**CONFIG, "unet": {**CONFIG["unet"], "cross_attention_dim": 16}}
    (tmp_path / "narrow.yaml").write_text(yaml.safe_dump(narrow))
    with pytest.raises(ValueError, match="hidden_size 32 and the UNet's cross_attention_dim 16 differ"):
        recipe.make_untrained(store.folder, vae_folder, tmp_path / "narrow.yaml", None, tmp_path / "no")
    narrow["text_encoder"] = {**CONFIG["text_encoder"], "hidden_size": 16}
    (tmp_path / "narrow.yaml").write_text(yaml.safe_dump(narrow))
    recipe.make_untrained(store.folder, vae_folder, tmp_path / "narrow.yaml", None, tmp_path / "taken")
    take_text_encoder(tmp_path / "taken", tmp_path / "clip")
    assert read_model(tmp_path / "taken").text_encoder.config.hidden_size == 16


def test_drawing_layers_can_be_taken(store: PictureStore, vae_folder: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    from tests.tiny_model import CONFIG

    (tmp_path / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    for name in ("older", "model"):
        recipe.make_untrained(store.folder, vae_folder, tmp_path / "small.yaml", None, tmp_path / name)
    older = UNet2DConditionModel.from_pretrained(tmp_path / "older" / "unet")
    before = UNet2DConditionModel.from_pretrained(tmp_path / "model" / "unet").state_dict()
    for parameter in older.parameters():
        parameter.data += 1
    older.save_pretrained(tmp_path / "older" / "unet")
    take_drawing_layers(tmp_path / "model", tmp_path / "older")
    for name, value in UNet2DConditionModel.from_pretrained(tmp_path / "model" / "unet").state_dict().items():
        hears = "attn2" in name or "add_embedding" in name
        assert value.equal(before[name] if hears else older.state_dict()[name]), name
    UNet2DConditionModel(**{**CONFIG["unet"], "block_out_channels": [16, 16]}).save_pretrained(
        tmp_path / "wide" / "unet"
    )
    with pytest.raises(ValueError, match="not built alike: they differ in add_embedding"):
        take_drawing_layers(tmp_path / "model", tmp_path / "wide")


def test_encoding_sets_the_scale_of_the_first_stage(store: PictureStore, vae_folder: Path, tmp_path: Path) -> None:
    from ldm.data.store import write_store

    draws = np.random.default_rng(0)
    rows = [{"file": str(n), "split": "train", "name": f"N {n}"} for n in range(3)]
    items = [(draws.integers(0, 255, (16, 16, 3), dtype=np.uint8), row) for row in rows]
    write_store(tmp_path / "pictures", items, {})
    std = recipe.make_latents(tmp_path / "pictures", vae_folder, tmp_path / "latents", lambda count: None, num_pairs=4)
    config = json.loads((vae_folder / "config.json").read_text())
    assert config["scaling_factor"] == pytest.approx(1 / std)


def test_training_takes_the_latents_that_were_made_ahead(
    vae_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from diffusers import AutoencoderKL

    from ldm.data.latents import CaptionedLatents
    from tests.data.halves import model_of

    draws = np.random.default_rng(0)
    rows = [{"file": str(n), "split": "unet_train", "name": f"N {n}"} for n in range(3)]
    items = [(draws.integers(0, 255, (16, 16, 3), dtype=np.uint8), row) for row in rows]
    write_store(tmp_path / "pictures", items, {})
    pictures, latents = tmp_path / "pictures", tmp_path / "latents"
    with pytest.raises(ValueError, match="has no picture in the split 'train'; it has: unet_train"):
        recipe.make_latents(pictures, vae_folder, latents, lambda count: None)
    recipe.make_latents(pictures, vae_folder, latents, lambda count: None, split="unet_train")
    made = (latents / "latents.npy").stat().st_mtime_ns
    model = model_of(AutoencoderKL.from_pretrained(vae_folder).eval(), size=16)
    data = CaptionedLatents(latents, pictures=pictures, split="unet_train", model=model)
    assert (latents / "latents.npy").stat().st_mtime_ns == made
    assert "encoded again" not in caplog.text
    assert data.latents.shape[:2] == (3, 2)


def test_latents_can_have_face_vectors_beside_them(store: PictureStore, vae_folder: Path, tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    items = [(draws.integers(0, 255, (16, 16, 3), dtype=np.uint8), {"file": str(n), "split": "train"}) for n in (0, 1)]
    write_store(tmp_path / "pictures", items, {})
    recipe.make_latents(tmp_path / "pictures", vae_folder, tmp_path / "latents", lambda count: None, 0, faces=True)
    vectors = np.load(tmp_path / "latents" / "embeddings.npy").astype(np.float32)
    assert vectors.shape == (2, 2, 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-2)
    about = json.loads((tmp_path / "latents" / "about.json").read_text())
    assert about["embedder"] == "sface of aligned pictures"


def test_a_cpu_that_is_slow_at_bf16_trains_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(recipe, "_processor", lambda: "flags: avx512_bf16")
    assert recipe.training_settings() == ["lightning.trainer.precision=32-true"]
    monkeypatch.setattr(recipe, "_processor", lambda: "flags: avx512_bf16 amx_bf16")
    assert recipe.training_settings() == []
    tried = recipe.training_settings(steps=2)
    assert tried[0] == "lightning.trainer.max_steps=2"
    assert "data.params.batch_size=8" in tried, "as many as any machine holds"
    assert recipe.unet_settings(steps=2) == ["model.params.compile_unet=false"]
    assert recipe.unet_settings() == [], "a whole training is worth the wait"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert not any("batch_size" in one for one in recipe.training_settings(steps=2))
    assert recipe.unet_settings(steps=2) == []


def test_lists_lie_beside_a_model_that_is_not_shipped(
    store: PictureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipe.write_lists(store, Path("outputs/model")) == (1, 1)
    assert Path("outputs/model/names.txt").read_text().splitlines()[1:] == ["Ann Lee"]
    assert Path("outputs/model/held_out_people.txt").read_text().splitlines()[1:] == ["Cy Lee"]
    assert yaml.safe_load(Path("outputs/model/defaults.yaml").read_text())["celeb_txt"] == "names.txt"
    recipe.write_lists(store, recipe.EMBEDDED)
    assert Path("infer_images/names_embedded.txt").is_file()
    assert Path("configs/embedded/held_out_people.txt").is_file()
    defaults = yaml.safe_load(Path("weights/embedded/defaults.yaml").read_text())
    assert defaults["celeb_txt"] == "../../infer_images/names_embedded.txt"
    assert defaults["sample_size_px"] == store.size_px
