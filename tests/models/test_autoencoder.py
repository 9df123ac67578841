import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ldm.data.pictures import StoredPictures
from ldm.data.store import write_store
from ldm.models.autoencoder import AutoencoderKL
from ldm.models.block_pca import block_components, blocks_of
from ldm.modules.discriminator import hinge
from ldm.randomness import generator

needs_weights = pytest.mark.skipif(importlib.util.find_spec("stlpips_pytorch") is None, reason="stlpips is absent")
NETWORK = {
    "target": "diffusers.AutoencoderKL",
    "params": {
        "block_out_channels": [12, 48, 48, 64],
        "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": 16,
        "mid_block_add_attention": False,
    },
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, astronaut: Any) -> Path:
    """16 training pictures of 16 px and two others."""
    photo = np.asarray(astronaut.resize((96, 48)))
    pieces = [photo[y : y + 16, x : x + 16] for y in range(0, 48, 16) for x in range(0, 96, 16)]
    splits = ["train"] * 16 + ["val"] * 2
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [(piece, {"split": split}) for piece, split in zip(pieces, splits, strict=True)], {})
    return folder


def batch(store: Path) -> dict[str, Tensor]:
    data = StoredPictures(store)
    return {"image": torch.stack([data[i]["image"] for i in range(4)])}


def train(model: AutoencoderKL, store: Path, steps: int = 2) -> AutoencoderKL:
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(
        model, DataLoader(StoredPictures(store), batch_size=4), DataLoader(StoredPictures(store, "val"), batch_size=2)
    )
    return model


def moved(before: dict[str, Tensor], model: AutoencoderKL) -> set[str]:
    return {name.split(".")[1] for name, value in model.state_dict().items() if not value.equal(before[name])}


def copied(model: AutoencoderKL) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_both_halves_are_trained_from_nothing(store: Path) -> None:
    model = AutoencoderKL(NETWORK)
    before = copied(model)
    train(model, store)
    assert moved(before, model) == {"encoder", "decoder", "quant_conv", "post_quant_conv"}


def test_a_written_encoder_stays_as_it_is(store: Path) -> None:
    model = AutoencoderKL(NETWORK, kl_weight=0.0, block_pca=store)
    before = copied(model)
    train(model, store)
    assert moved(before, model) == {"decoder", "post_quant_conv"}


def test_the_written_encoder_is_that_of_the_training_pictures(store: Path) -> None:
    model = AutoencoderKL(NETWORK, block_pca=store)
    images = torch.stack([StoredPictures(store, flip_p=0.0)[i]["image"] for i in range(16)])
    mean, axes, _ = block_components(images, 4)
    with torch.no_grad():
        latents = model.vae.encode(images).latent_dist.mean
    plain = ((blocks_of(images) - mean) @ axes.T).T
    own = latents.permute(1, 0, 2, 3).flatten(1)
    assert (
        torch.stack([torch.corrcoef(torch.stack([a, b]))[0, 1] for a, b in zip(plain, own, strict=True)]).min() > 0.999
    )


def test_the_loss_is_distance_plus_divergence(store: Path) -> None:
    model, given = AutoencoderKL(NETWORK, kl_weight=0.5, l2_weight=2.0), batch(store)
    model.log_dict = lambda *_, **__: None  # type: ignore[method-assign,assignment]
    loss = model.training_step(given, 7)
    posterior = model.vae.encode(given["image"]).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=generator(23, "posterior", 0, 7, 0))
    decoded = model.vae.decode(posterior.mean + posterior.std * noise).sample
    divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
    expected = F.l1_loss(decoded, given["image"]) + 2 * F.mse_loss(decoded, given["image"]) + 0.5 * divergence
    torch.testing.assert_close(loss, expected)


def test_a_step_does_not_depend_on_the_global_generator(store: Path) -> None:
    model, given = AutoencoderKL(NETWORK), batch(store)
    model.log_dict = lambda *_, **__: None  # type: ignore[method-assign,assignment]
    torch.manual_seed(1)
    first = model.training_step(given, 0)
    torch.manual_seed(2)
    assert model.training_step(given, 0).equal(first)
    assert not model.training_step(given, 1).equal(first)


def test_what_is_shown_is_what_went_in_and_came_out(store: Path) -> None:
    shown = AutoencoderKL(NETWORK).log_images(batch(store), num_images=3)
    assert {key: tuple(value.shape) for key, value in shown.items()} == {
        "inputs": (3, 3, 16, 16),
        "reconstruction": (3, 3, 16, 16),
    }
    assert shown["reconstruction"].abs().max() <= 1


def test_the_network_is_left_as_a_diffusers_folder(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from diffusers import AutoencoderKL as Network

    model = AutoencoderKL(NETWORK, block_pca=store)
    [file] = model.export(tmp_path, 199)
    assert "no training pictures to measure" in caplog.text
    assert file.parent == tmp_path / "vae_gs-199"
    again = Network.from_pretrained(file.parent).state_dict()
    assert all(value.equal(again[name]) for name, value in model.vae.state_dict().items())
    assert model.export(tmp_path, 199) == [file]
    assert list(tmp_path.iterdir()) == [file.parent], "nothing half is left beside it"


def silent(model: AutoencoderKL) -> AutoencoderKL:
    model.log_dict = lambda *_, **__: None  # type: ignore[method-assign,assignment]
    return model


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, astronaut: Any) -> Path:
    """Four training pictures of 32 px and two others: the discriminator's patches are larger than 16."""
    photo = np.asarray(astronaut.resize((96, 64)))
    pieces = [photo[y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32, 64)]
    folder = tmp_path_factory.mktemp("large")
    rows = [{"split": split} for split in ["train"] * 4 + ["val"] * 2]
    write_store(folder, zip(pieces, rows, strict=True), {})
    return folder


def test_the_discriminator_learns_from_its_step_on_in_the_same_step(large: Path) -> None:
    for start, learns in ((2, False), (1, True)):
        model = AutoencoderKL(NETWORK, adversarial_weight=0.1, adversarial_start=start)
        before = copied(model)
        train(model, large, steps=2)
        assert (
            any("discriminator" in name and not v.equal(before[name]) for name, v in model.state_dict().items())
            == learns
        )
        assert model.global_step == 2, "one step of one optimizer"


def test_neither_side_gets_the_others_gradient(large: Path) -> None:
    model, given = silent(AutoencoderKL(NETWORK, adversarial_weight=0.5, adversarial_start=0)), batch(large)
    model.training_step(given, 0).backward()
    both = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    plain = silent(AutoencoderKL(NETWORK, adversarial_weight=0.5, adversarial_start=9))
    plain.load_state_dict(model.state_dict())
    plain.training_step(given, 0).backward()
    assert all(p.grad is None for p in plain.discriminator.parameters())  # type: ignore[union-attr]
    decoder = "vae.decoder.conv_out.weight"
    assert not both[decoder].equal(plain.get_parameter(decoder).grad), "the decoder hears the discriminator"
    posterior = plain.vae.encode(given["image"]).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=generator(23, "posterior", 0, 0, 0))
    decoded = plain.vae.decode(posterior.mean + posterior.std * noise).sample.detach()
    plain.zero_grad()
    hinge(plain.discriminator(given["image"]), plain.discriminator(decoded)).backward()  # type: ignore[misc]
    name = "discriminator.layers.0.weight"
    torch.testing.assert_close(both[name], plain.get_parameter(name).grad)


@needs_weights
def test_the_perceptual_network_is_in_no_checkpoint(large: Path, tmp_path: Path) -> None:
    model = train(AutoencoderKL(NETWORK, perceptual_weight=0.1), large)
    model.trainer.save_checkpoint(tmp_path / "a.ckpt")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)["state_dict"]
    assert {name.split(".")[0] for name in saved} == {"vae"}
    again = AutoencoderKL(NETWORK, perceptual_weight=0.1)
    trainer = pl.Trainer(
        max_steps=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(
        again, DataLoader(StoredPictures(large), batch_size=4), ckpt_path=tmp_path / "a.ckpt", weights_only=True
    )
    assert trainer.global_step == 3


def test_the_exported_config_holds_the_measured_scale(store: Path, tmp_path: Path) -> None:
    from diffusers import AutoencoderKL as Network

    from ldm.data.module import DataModuleFromConfig

    node = {"target": "ldm.data.pictures.StoredPictures", "params": {"folder": str(store), "flip_p": 0.0}}
    model = AutoencoderKL(NETWORK)
    trainer = pl.Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(model, DataModuleFromConfig(4, node))
    [file] = model.export(tmp_path, 0)
    network = Network.from_pretrained(file.parent)
    with torch.no_grad():
        latents = network.encode(
            torch.stack([StoredPictures(store, flip_p=0.0)[i]["image"] for i in range(16)])
        ).latent_dist.mean
    assert network.config.scaling_factor == pytest.approx(1 / float(latents.std()), rel=1e-4)
    assert network.config.latents_std == pytest.approx(latents.transpose(0, 1).flatten(1).std(1).tolist(), rel=1e-4)


def test_the_parity_config_is_as_large_as_face_diffusions(root: Path) -> None:
    import yaml

    tree = yaml.safe_load((root / "configs/autoencoder/faces-kl-f8.yaml").read_text(encoding="utf-8"))
    model = AutoencoderKL(tree["model"]["params"]["vae_config"])
    assert sum(parameter.numel() for parameter in model.vae.parameters()) == 5_252_487
    assert model.vae.config.sample_size // 2 ** (len(model.vae.config.block_out_channels) - 1) == 32
