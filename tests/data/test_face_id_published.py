from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from transformers import CLIPTokenizer

from ldm.config.published import FACES_SINCE
from ldm.data.face_id import FaceIdDatasetStyleGAN3
from ldm.modules.optimizer import AdamW
from ldm.runs.train import scaled_learning_rate
from ldm.weights.compvis import LIKE_SD1
from tests.data.people import PUBLISHED_CAPTIONS, WORDS, Model, data, draws

PUBLISHED: dict[str, Any] = FACES_SINCE


def test_a_run_has_the_published_numbers(people: Path, root: Path) -> None:
    """Celeb basis, number 17: batches, learning rate, steps, saves and the one look."""
    tree: dict[str, Any] = yaml.safe_load((root / "configs/stable-diffusion/aigc_id.yaml").read_text())
    params = tree["data"]["params"]
    assert tree["model"]["params"]["face_crop"] == "published"
    assert {key: params["train"]["params"][key] for key in PUBLISHED} == PUBLISHED
    train = params["train"]["params"]
    dataset = data(people, **{key: train[key] for key in (*PUBLISHED, "num_ids", "repeats")})
    batch = params["batch_size"]
    assert (len(dataset.people), batch) == (2, 2)
    one_photo = train["repeats"] * train["num_ids"]
    assert (one_photo, one_photo // batch) == (2000, 1000)
    one_device = SimpleNamespace(accumulate_grad_batches=1, world_size=1)
    assert scaled_learning_rate(OmegaConf.create(tree), one_device) == 0.01
    assert scaled_learning_rate(OmegaConf.merge(tree, {"data": {"params": {"batch_size": 1}}}), one_device) == 0.005
    optimizer = AdamW()
    assert (optimizer.weight_decay, optimizer.betas, optimizer.warmup_steps) == (0.01, (0.9, 0.999), 0)
    assert optimizer.decay_fraction == 0
    lightning = tree["lightning"]
    steps, every = lightning["trainer"]["max_steps"], lightning["modelcheckpoint"]["params"]["every_n_train_steps"]
    assert [step for step in range(steps) if (step + 1) % every == 0] == [199, 399, 599, 799]
    assert lightning["callbacks"]["image_logger"]["params"]["batch_frequency"] == 600
    assert tree["model"]["params"]["personalization_config"]["params"]["momentum"] == 0.99


def test_published_captions_have_eight_to_eleven_tokens() -> None:
    """Celeb basis, number 3."""
    tokenizer = CLIPTokenizer.from_pretrained(LIKE_SD1 / "tokenizer")
    ids = tokenizer(sorted(PUBLISHED_CAPTIONS), add_special_tokens=False)["input_ids"]
    assert {len(one) for one in ids} == set(range(8, 12))


def test_published_faces_lie_on_black_and_are_made_anew(people):
    model = Model(64)
    dataset = data(people, model=model, **PUBLISHED, num_ids=2)
    assert model.encoded == 0
    heights = []
    for sample in draws(dataset, 120):
        assert sample["caption"] in PUBLISHED_CAPTIONS
        assert sample["ids"].shape == (1,)
        assert (sample["loss_weight"] == 1).all()
        face = (sample["image"] > -1).any(0)
        rows, columns = face.any(1).nonzero().flatten(), face.any(0).nonzero().flatten()
        assert face.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        heights.append(int(rows[-1] - rows[0] + 1))
    assert 6 <= min(heights) < 12, "51 to 511 of 512"
    assert 57 < max(heights) <= 63
    assert {int(s["ids"]) for s in draws(dataset, 10)} == {0, 1}


def test_all_published_captions_are_used(people):
    dataset = data(people, **PUBLISHED)
    assert {sample["caption"] for sample in draws(dataset, 800)} == PUBLISHED_CAPTIONS


@pytest.mark.parametrize("option", PUBLISHED)
def test_each_difference_is_one_option(people: Path, option: str) -> None:
    """Of a sample, what the option says changes, and nothing else of what one can tell apart."""
    ours = draws(data(people, pair_p=0.5, num_variants=2), 40)
    other = draws(data(people, **{"pair_p": 0.5, "num_variants": 2, option: PUBLISHED[option]}), 40)
    seen = {name: [traits(sample)[name] for sample in other] for name in traits(other[0])}
    usual = {name: [traits(sample)[name] for sample in ours] for name in traits(ours[0])}
    changed = {name for name in seen if set(seen[name]) != set(usual[name])}
    expected: dict[str, set[str]] = {
        "background": {"black"},
        "background_weight": {"flat"},
        "augmentation": set(),
        "captions": {"plain"},
        "num_variants": {"encoded"},
        "pair_p": {"places"},
    }
    assert changed == expected[option]


def test_published_augmentation_is_the_weaker(people: Path) -> None:
    """How far the colours of one photo's pictures lie apart."""
    spread = {}
    for setting in ("natural", "published"):
        dataset = data(people, augmentation=setting, pair_p=0.0, num_variants=0)
        colours = [sample["image"].mean((1, 2)) for n, sample in enumerate(draws(dataset, 200)) if n % 4 == 0]
        spread[setting] = float(torch.stack(colours).std(0).mean())
    assert 0 < spread["published"] < 0.8 * spread["natural"]


def traits(sample: dict[str, Any]) -> dict[str, Any]:
    """What tells the settings apart."""
    picture = sample["latents"] if "latents" in sample else sample["image"]
    return {
        "black": bool((picture[:, 0] == -1).all() or (picture[:, -1] == -1).all()),
        "flat": bool((sample["loss_weight"] == 1).all()),
        "plain": sample["caption"] == "a photo of sks",
        "encoded": "latents" in sample,
        "places": len(sample["ids"]),
    }


def test_published_val_is_not_varied(people):
    dataset = data(people, **PUBLISHED, split="val", repeats=1)
    assert dataset[2]["image"].equal(dataset.pictures[2])


def test_the_published_name_of_the_data_set_is_kept(people):
    assert FaceIdDatasetStyleGAN3(people, Model(), WORDS, num_variants=1).people == ["anna", "bert", "carla"]
