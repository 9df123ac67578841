from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from omegaconf import OmegaConf
from transformers import CLIPTokenizer

from ldm.data.face_id import FaceIdDatasetStyleGAN3
from ldm.modules.optimizer import AdamW
from ldm.runs.train import scaled_learning_rate
from ldm.weights.compvis import LIKE_SD1
from tests.data.people import PUBLISHED_CAPTIONS, WORDS, Model, data, draws


def test_a_run_has_the_published_numbers(people: Path, root: Path) -> None:
    """Celeb basis, number 17: batches, learning rate, steps, saves and the one look."""
    tree: dict[str, Any] = yaml.safe_load((root / "configs/stable-diffusion/aigc_id.yaml").read_text())
    params = tree["data"]["params"]
    train = params["train"]["params"]
    dataset = data(people, setting=train["setting"], num_ids=train["num_ids"], repeats=train["repeats"])
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
    dataset = data(people, model=model, setting="published", num_ids=2)
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
    dataset = data(people, setting="published")
    assert {sample["caption"] for sample in draws(dataset, 800)} == PUBLISHED_CAPTIONS


def test_published_val_is_not_varied(people):
    dataset = data(people, setting="published", split="val", repeats=1)
    assert dataset[2]["image"].equal(dataset.pictures[2])


def test_the_published_name_of_the_data_set_is_kept(people):
    assert FaceIdDatasetStyleGAN3(people, Model(), WORDS, num_variants=1).people == ["anna", "bert", "carla"]
