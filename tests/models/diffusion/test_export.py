from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.export import legacy_people
from ldm.modules.artifacts import read_artifact
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.personalization import Artifact
from ldm.weights.read import read_model
from tests.models.diffusion.conftest import BOTH, FINETUNE, FINETUNE_TEXT, LORA, PEOPLE, PIVOTAL, Make, fit

ROWS = torch.arange(2 * 2 * 3.0).reshape(2, 2, 3)
IDS = torch.tensor([0, 2])


def trained(make: Make, method: Any, **options: Any) -> LatentDiffusion:
    model = make(method, **options)
    fit(model, 2)
    return model


def test_people_leave_two_small_files_and_their_basis(make: Make, tmp_path: Path) -> None:
    model = trained(make, PEOPLE)
    basis = model.cond_stage_model.celeb_basis
    assert basis is not None
    files = model.export(tmp_path, 199)
    names = ["embeddings_gs-199.safetensors", "embeddings_gs-199.pt", f"basis-{basis.hash}.safetensors"]
    assert [file.name for file in files] == names
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names)
    assert all(file.stat().st_size < 10_000 for file in files[:2])
    assert CelebBasis.load(files[2]).hash == read_artifact(files[0]).metadata["basis"] == basis.hash


def test_the_published_file_holds_the_same_people(make: Make, tmp_path: Path) -> None:
    model = trained(make, PEOPLE)
    safe, legacy, _ = model.export(tmp_path, 0)
    lists = torch.load(legacy, weights_only=True)
    assert set(lists) == {"id_coefficients"}
    for person, coefficients in enumerate(read_artifact(safe).tensors["coefficients"]):
        assert lists["id_coefficients"][person].equal(coefficients[:, None]), "(E, 1, K)"


def test_the_basis_is_written_once(make: Make, tmp_path: Path) -> None:
    model = trained(make, PEOPLE)
    *_, basis = model.export(tmp_path, 0)
    written = basis.stat().st_mtime_ns
    model.export(tmp_path, 1)
    assert basis.stat().st_mtime_ns == written
    assert len(list(tmp_path.glob("basis-*"))) == 1


def test_trained_networks_leave_a_model_folder(make: Make, tmp_path: Path, tiny_model: Path) -> None:
    model = trained(make, FINETUNE)
    files = model.export(tmp_path, 9)
    assert {file.relative_to(tmp_path).parts[0] for file in files} == {"model_gs-9"}
    again = read_model(tmp_path / "model_gs-9")
    for name, value in model.unet.state_dict().items():
        torch.testing.assert_close(again.unet.state_dict()[name], value.half().float(), atol=0, rtol=0)
    assert again.defaults == model.defaults
    assert (tmp_path / "model_gs-9" / "names.txt").read_bytes() == (tiny_model / "names.txt").read_bytes()
    assert next(model.unet.parameters()).dtype == torch.float32, "what is in memory stays as it is"


def test_a_chain_leaves_the_files_of_all_its_parts(make: Make, tmp_path: Path) -> None:
    files = trained(make, BOTH).export(tmp_path, 1)
    tops = {file.relative_to(tmp_path).parts[0].partition("-")[0] for file in files}
    assert tops == {"embeddings_gs", "basis", "model_gs"}


def test_a_run_in_image_mode_comes_back(make: Make, tmp_path: Path) -> None:
    method = {**PEOPLE, "params": {**PEOPLE["params"], "test_mode": "image"}}
    options = {"cond_stage_config": {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
                                     "params": {"use_celeb": True}}}  # fmt: skip
    files = trained(make, method, **options).export(tmp_path, 0)
    assert [file.suffix for file in files] == [".safetensors"] * 2, "no people, so no published list of them"
    make(method, **options).personalization.load([read_artifact(files[0])])
    assert not [name for name in load_file(files[0]) if not name.startswith("head.")]


def test_nothing_learned_leaves_nothing(make: Make, tmp_path: Path) -> None:
    assert make().export(tmp_path, 0) == []
    assert list(tmp_path.iterdir()) == []


def test_the_published_layout_has_a_place_for_everybody() -> None:
    artifact = Artifact("embeddings", {"ids": IDS, "coefficients": ROWS, "embeddings": ROWS + 1})
    legacy = legacy_people(artifact)
    assert legacy is not None
    assert [tuple(row.shape) for row in legacy["id_coefficients"]] == [(2, 1, 3)] * 3
    assert legacy["id_coefficients"][2][:, 0].equal(ROWS[1])
    assert not legacy["id_coefficients"][1].any(), "not trained"
    assert legacy["id_embeddings"][0].equal(ROWS[0] + 1)
    places = [row.data_ptr() for row in legacy["id_coefficients"]]
    assert len(set(places)) == 3, "each is saved as what it is, not as a view of all"


@pytest.mark.parametrize("tensors", [{}, {"head.weight": torch.zeros(2)}])
def test_without_people_there_is_no_published_layout(tensors: dict[str, torch.Tensor]) -> None:
    assert legacy_people(Artifact("embeddings", tensors)) is None


def test_a_network_of_which_a_part_was_trained_is_not_written(make: Make, tmp_path: Path) -> None:
    """What adapters train they export themselves."""
    model = make()
    next(model.unet.parameters()).requires_grad_(True)
    assert model.export(tmp_path, 0) == []


def said(model: LatentDiffusion) -> torch.Tensor:
    """What the UNet says about a prompt with a person in it."""
    model.eval()
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model.predict(latents, torch.tensor([7]), model.get_learned_conditioning(["a photo of sks and ks"]))


def test_token_vectors_and_lora_come_back(make: Make, tmp_path: Path) -> None:
    model = trained(make, PIVOTAL)
    files = model.export(tmp_path, 9)
    names = ["sks_gs-9.safetensors", "sks_gs-9.pt", "ks_gs-9.safetensors", "ks_gs-9.pt", "lora_gs-9.safetensors"]
    assert [file.name for file in files] == names
    again = make(PIVOTAL, only_draw=True)
    assert not said(again).allclose(said(model))
    again.personalization.load([read_artifact(file) for file in files if file.suffix == ".safetensors"])
    torch.testing.assert_close(said(again), said(model), atol=1e-6, rtol=1e-5)
    a1111 = torch.load(tmp_path / "sks_gs-9.pt", weights_only=True)
    assert (a1111["name"], a1111["step"], a1111["string_to_param"]["*"].shape) == ("<sks>", 9, (2, 32))


def test_a_network_is_written_without_the_lora_beside_it(make: Make, tmp_path: Path, tiny_model: Path) -> None:
    both = {"target": "ldm.modules.personalization.Chain", "params": {"parts": [FINETUNE_TEXT, LORA]}}
    model = trained(make, both)
    files = model.export(tmp_path, 9)
    folder = tmp_path / "model_gs-9"
    again, base = read_model(folder), read_model(tiny_model)
    torch.testing.assert_close(again.unet.state_dict(), base.unet.state_dict(), atol=1e-3, rtol=2e-3)
    lora = LatentDiffusion(folder, personalization_config=both)
    lora.personalization.load([read_artifact(file) for file in files if file.parent == tmp_path])
    torch.testing.assert_close(said(lora), said(model), atol=2e-3, rtol=1e-2)
    assert any("lora" in name for name in model.unet.state_dict()), "the model in training keeps it"
