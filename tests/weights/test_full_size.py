"""Stable Diffusion 1.x at its full size, with random weights: memory, bits, and the published method's numbers."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ldm.faces.backend import FaceBackend
from ldm.weights.compvis import LIKE_SD1, empty_networks
from ldm.weights.lora_files import read_lora, write_diffusers_lora
from ldm.weights.lora_kohya import write_kohya
from ldm.weights.lora_layers import Lora, LoraLayer
from ldm.weights.read import read_model
from ldm.weights.single import write_model
from ldm.weights.tensors import read_tensors
from ldm.weights.textual_inversion import Embedding, read_embedding, write_embedding
from tests.conftest import needs_shared
from tests.weights.sd1_files import write_single

pytestmark = pytest.mark.slow
GIB = 1024**3

LOADS = """
import sys, time, torch
from pathlib import Path
from ldm.weights.read import read_model
start = time.perf_counter()
parts = read_model(Path(sys.argv[1]), torch.float16)
loaded = time.perf_counter() - start
total = sum(float(p.sum()) for network in parts.networks().values() for p in network.parameters())
status = Path("/proc/self/status").read_text().split()
print(loaded, int(status[status.index("VmHWM:") + 1]) * 1024, total)
"""
"""The peak is this process's own: that of getrusage begins with what the process that started it held."""


@pytest.fixture(scope="session")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Stable Diffusion 1.x, fp16, under CompVis's names: 2 GB."""
    return write_single(tmp_path_factory.mktemp("full") / "sd.safetensors", LIKE_SD1, torch.float16)


def test_it_loads_in_three_gigabytes(full_size: Path, root: Path) -> None:
    """With every weight looked at, and the libraries' own memory."""
    words = [sys.executable, "-c", LOADS, str(full_size)]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    seconds, peak, _ = map(float, done.stdout.split()[-3:])
    print(f"loaded in {seconds:.1f} s, peak {peak / GIB:.2f} GiB")
    assert len(read_tensors(full_size).tensors) == 1130
    assert peak <= 3 * 10**9


def test_through_a_folder_and_back_bit_by_bit(full_size: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "folder", read_model(full_size, None))
    again = read_tensors(write_model(tmp_path / "again.ckpt", read_model(folder, None))).tensors
    given = read_tensors(full_size).tensors
    assert again.keys() == given.keys()
    assert all(again[name].equal(tensor) and again[name].dtype == torch.float16 for name, tensor in given.items())


def test_a_lora_and_a_learned_word_of_its_size_there_and_back_bit_by_bit(tmp_path: Path) -> None:
    attention, layers = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj"), {}
    draws, networks = torch.Generator().manual_seed(0), empty_networks(LIKE_SD1)
    for network in ("unet", "text_encoder"):
        for name, module in networks[network].named_modules():
            if name.endswith(attention):
                down, up = (torch.randn(8, module.in_features, generator=draws),
                            torch.randn(module.out_features, 8, generator=draws))  # fmt: skip
                layers[f"{network}.{name}"] = LoraLayer(down.half(), up.half(), 4.0)
    assert len(layers) == 32 * 4 + 12 * 4
    peft = write_diffusers_lora(tmp_path / "peft.safetensors", Lora(layers, {}))
    kohya = write_kohya(tmp_path / "kohya.safetensors", read_lora(peft))
    back = write_diffusers_lora(tmp_path / "back.safetensors", read_lora(kohya))
    given, again = read_tensors(peft), read_tensors(back)
    assert given.tensors.keys() == again.tensors.keys()
    assert all(again.tensors[key].equal(tensor) for key, tensor in given.tensors.items())
    told = read_tensors(kohya).metadata
    assert (told["ss_base_model_version"], told["modelspec.architecture"]) == ("sd_v1", "stable-diffusion-v1/lora")
    word = Embedding("<cat>", torch.randn(4, 768, generator=draws).half(), 499, "sd-v1-4")
    for form, name in (("a1111", "cat.pt"), ("kohya", "cat.safetensors"), ("diffusers", "last.safetensors")):
        read = read_embedding(write_embedding(tmp_path / name, word, form))
        assert (read.vectors.equal(word.vectors), read.token) == (True, "<cat>")
        word = read


@pytest.fixture(scope="session")
def published(full_size: Path, shared_data: Path, root: Path) -> Any:
    """The model of aigc_id.yaml, its face network's place taken by one of the same width."""
    from ldm.config import load_config
    from ldm.models.diffusion import ddpm
    from ldm.util import instantiate_from_config

    names = shared_data / "names" / "wiki_names_v2.txt"
    given = [f"model.params.ckpt_path={full_size}", f"model.params.cond_stage_config.params.celeb_txt={names}"]
    given.append("model.params.ckpt_dtype=bfloat16")
    config = load_config([root / "configs/stable-diffusion/aigc_id.yaml"], given, required=("model",))
    kept = ddpm.load_backend
    random: Any = SimpleNamespace(name="random", dim=512)
    ddpm.load_backend = lambda _name: FaceBackend("random", random, random)
    try:
        yield instantiate_from_config(config.model)
    finally:
        ddpm.load_backend = kept


@needs_shared
def test_the_published_basis_and_layers(published: Any) -> None:
    """Celeb basis, spec section 11: numbers 10, 12, 13 and 14."""
    manager, basis = published.personalization, published.personalization.basis
    stored = basis.to_legacy()
    assert stored.shape == (2, 513, 768)
    assert stored.numel() * 4 == 3_151_872
    axes = stored[:, 1:].double()
    assert torch.allclose(axes @ axes.mT, torch.eye(512).double().expand(2, -1, -1), atol=1e-5)
    assert sum(p.numel() for p in published.trained_parameters().values()) == 525_312
    faces = torch.nn.functional.normalize(torch.randn(4, 512), dim=-1)
    away = manager.face_vectors(faces) - basis.mean
    assert torch.allclose(away.norm(dim=-1), torch.ones(4, 2), atol=1e-5)
    assert manager.memory.total.shape[1:].numel() == 1024, "floats that are stored of a person"


@needs_shared
def test_placeholders_stand_where_they_were_published(published: Any) -> None:
    """Numbers 1, 3 and 16: two vectors for each mention, everything after moves on."""
    prompts = ["a sks person and a ks person enjoy a delicate candlelight dinner", "a photo of a sks person"]
    tokens = published.cond_stage_model.tokenize(prompts)
    assert tokens.ids.shape == (2, 77)
    slots = published.personalization.expand(tokens).slots
    found = [{int(slot): place for place, slot in enumerate(row) if slot >= 0} for row in slots.tolist()]
    assert found == [{0: 2, 1: 3, 2: 7, 3: 8}, {0: 5, 1: 6}]
    [ids] = published.cond_stage_model.tokenize(["a photo of a face of sks person"]).ids.tolist()
    assert ids[:11] == [49406, 320, 1125, 539, 320, 1710, 539, 48136, 2533, 49407, 49407]


@needs_shared
def test_the_schedule_is_the_published_one(published: Any) -> None:
    """Number 18."""
    from ldm.models.diffusion.pipelines import PersonPipeline

    sums = published.noise_scheduler.alphas_cumprod
    assert sums[0] == pytest.approx(0.99915, abs=1e-6)
    assert sums[999] == pytest.approx(0.0046600985, rel=1e-4)
    ddim = PersonPipeline.of(published, None, "ddim").scheduler
    ddim.set_timesteps(50)
    assert ddim.timesteps.tolist() == list(range(981, 0, -20))
    assert ddim.alphas_cumprod[981] == pytest.approx(0.0057755, rel=1e-4)
    assert ddim.final_alpha_cumprod == ddim.alphas_cumprod[0]


def run(*words: object, root: Path) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([*map(str, words)], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_shared
def test_the_four_scripts_on_a_single_file(
    full_size: Path, shared_data: Path, root: Path, tmp_path: Path, astronaut: Any, hopper: Any
) -> None:
    """Two photos, two steps of training, one picture of two steps, and what is shared of the people."""
    (tmp_path / "photos").mkdir()
    astronaut.save(tmp_path / "photos" / "eileen.png")
    hopper.save(tmp_path / "photos" / "grace.png")
    run("bash", "00_align_face.sh", tmp_path / "photos", tmp_path / "aligned", "--backend", "yunet-sface", root=root)
    run(
        "bash", "01_start_train.sh", full_size, "configs/stable-diffusion/aigc_id.yaml", "-l", tmp_path / "logs",
        "--data_root", tmp_path / "aligned.jsonl", "model.params.ckpt_dtype=bfloat16",
        f"model.params.cond_stage_config.params.celeb_txt={shared_data / 'names' / 'wiki_names_v2.txt'}",
        "model.params.face_backend=yunet-sface", "data.params.batch_size=1", "data.params.num_workers=0",
        "lightning.trainer.max_steps=2", "lightning.trainer.precision=bf16-mixed", "lightning.trainer.accelerator=cpu",
        "lightning.modelcheckpoint.params.every_n_train_steps=1",
        "lightning.callbacks.image_logger.params.disabled=true", root=root,
    )  # fmt: skip
    [folder] = (tmp_path / "logs").iterdir()
    assert folder.name.endswith("_celebbasis")
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    assert {"embeddings_gs-0.pt", "embeddings_gs-0.safetensors", "embeddings_gs-1.pt", "last.ckpt"} <= names
    assert (folder / "checkpoints" / "last.ckpt").stat().st_size < 15 * 10**6
    kept = torch.load(folder / "checkpoints" / "embeddings_gs-1.pt", weights_only=True)
    assert [row.shape for row in kept["id_coefficients"]] == [(2, 1, 512)] * len(kept["id_coefficients"])
    (tmp_path / "prompts.txt").write_text("a photo of sks person\n")
    run(
        "bash", "02_start_test.sh", full_size, tmp_path / "prompts.txt", folder, 1, "--ddim_steps", 2,
        "--out", tmp_path / "out", "--eval_id1", 0, root=root,
    )  # fmt: skip
    assert len(list((tmp_path / "out" / "samples").glob("*.png"))) == 1
    run("bash", "03_extract.sh", full_size, folder, "--out", tmp_path / "shared", root=root)
    assert torch.load(tmp_path / "shared" / "celeb_basis.pt", weights_only=True).shape == (2, 513, 768)
    [person, *_] = sorted((tmp_path / "shared" / "ti_id_embeddings").glob("id_embedding_*.pt"))
    assert torch.load(person, weights_only=True).shape == (2, 768)
