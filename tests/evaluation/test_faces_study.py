"""`evaluate vae` and `evaluate unet` on a tiny model: what they print, and what they refuse."""

import json
import shutil
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from evaluation import judges
from evaluation.distribution import Likeness
from evaluation.studies import faces_unet, faces_vae
from evaluation.studies.faces_drawn import draw, made_of
from evaluation.studies.real_pictures import alike, read_real
from ldm.__main__ import app
from ldm.data.store import write_store
from ldm.faces import backend

once = cache(backend.load_backend)


@pytest.fixture(autouse=True)
def _one_backend(monkeypatch):
    monkeypatch.setattr(judges, "load_backend", once)


@pytest.fixture(scope="module")
def store(tmp_path_factory, astronaut):
    """12 pictures each of people kept out and of others."""
    draws, folder = np.random.default_rng(0), tmp_path_factory.mktemp("store")
    photo = np.asarray(astronaut.resize((16, 16)))
    known = {"source": "celeba", "attributes": ["Male"]}
    splits = ["train", "test"] * 12
    rows = [{**known, "file": f"{n}.jpg", "split": splits[n], "identity": str(n % 6)} for n in range(24)]
    items = [((photo // 2 + draws.integers(0, 99, (16, 16, 3))).astype(np.uint8), row) for row in rows]
    write_store(folder, items, {})
    return folder


def evaluate(*arguments):
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_first_stage_is_measured(tiny_model, store, tmp_path):
    printed = evaluate("vae", "--vae", tiny_model, "--pictures", store, "--json", tmp_path / "a.json", "--count", 4)
    facts = json.loads((tmp_path / "a.json").read_text())
    assert facts["count"] == 4
    assert facts["size_px"] == 16
    assert set(facts["means"]) == {"mse", "psnr", "ssim"}
    assert "| MSE on [-1, 1] |" in printed
    assert "MS-SSIM needs 176 px" in printed
    faceless, lost = facts["faceless"]["yunet+sface"], facts["faces_lost"]["yunet+sface"]
    assert f"(pictures without a face: {faceless}; faces lost: {lost}, each counted as -0.052)" in printed
    printed = evaluate("vae", "--vae", tiny_model, "--pictures", store, "--size", 32, "--count", 2)
    assert "at 32 px, enlarged from 16 px" in printed


def test_what_a_lost_face_counts_as_is_known_for_measured_judges_alone():
    measured, other = (SimpleNamespace(name=name) for name in ("yunet+sface", "new"))
    assert faces_vae.lost_face(measured, 64) == pytest.approx(-0.0521)
    assert faces_vae.lost_face(other, 64) is None
    facts = {
        **{"count": 2, "people": 2, "pictures": "p", "size_px": 64, "enlarged_from_px": [], "means": {}},
        **{"identity": {"new": 0.9}, "faceless": {"new": 0}, "faces_lost": {"new": 1}, "lost_counts_as": {"new": None}},
    }
    assert "(pictures without a face: 0; faces lost: 1, left out: no constants of this judge)" in faces_vae.describe(
        facts
    )


def test_only_splits_that_keep_people_out_are_said_to(store):
    near = Likeness(12, 1.0, 1.0, (0.5, 1.5), 0.5, 0.5)
    facts = {"features": "f", "real": "s", "others": "o", "people": 3, "seconds": None}
    said = {
        splits: faces_unet.describe(
            facts | {"people_kept_out": faces_unet.kept_out(read_real(store, splits))}, near, near
        )
        for splits in (("test",), ("train",), ("test", "train"))
    }
    assert {splits: "people kept out of training" in text for splits, text in said.items()} == {
        ("test",): True,
        ("train",): False,
        ("test", "train"): False,
    }


def test_a_model_is_measured_and_drawn_once(tiny_model, store, tmp_path):
    arguments = ("unet", "--sd", tiny_model, "--pictures", store, "--count", 12, "--steps", 2, "--out", tmp_path / "o")
    printed = evaluate(*arguments, "--json", tmp_path / "a.json")
    facts = json.loads((tmp_path / "a.json").read_text())
    assert facts["generated"]["count"] == facts["other_people"]["count"] == 12
    assert "times that of other real people" in printed
    assert "show no face and stay in" in printed
    assert len(list((tmp_path / "o").glob("*/*.png"))) == 12
    evaluate(*arguments, "--json", tmp_path / "b.json")
    again = json.loads((tmp_path / "b.json").read_text())
    assert again["seconds"] is None
    assert again["generated"] == facts["generated"]


def test_pictures_of_changed_weights_or_of_another_run_are_drawn(tiny_model, tmp_path):
    model, run = SimpleNamespace(weights_folder=tmp_path / "weights"), tmp_path / "run"
    shutil.copytree(tiny_model, model.weights_folder)
    (run / "configs").mkdir(parents=True)
    (run / "configs/x-project.yaml").touch()
    (run / "checkpoints").mkdir()
    (run / "checkpoints/lora_gs-9.safetensors").write_text("one")
    plain, trained = made_of(model, None), made_of(model, run)
    assert plain != trained
    (run / "checkpoints/lora_gs-9.safetensors").write_text("another")
    assert made_of(model, run) != trained
    next(model.weights_folder.glob("unet/*.safetensors")).write_bytes(b"trained further")
    assert made_of(model, None) != plain

    drawn = []

    class Pipeline(SimpleNamespace):
        def __call__(self, prompt, **_):
            drawn.extend(prompt)
            return SimpleNamespace(images=[Image.new("RGB", (4, 4)) for _ in prompt])

    pipeline = Pipeline(
        model=SimpleNamespace(defaults=SimpleNamespace(num_inference_steps=2, guidance_scale=1.0)),
        scheduler=None,
        check=lambda prompts: None,
    )
    for about in (plain, plain, trained):
        draw(pipeline, ["a face"], tmp_path / "o", about, 0, None, None)
    assert len(drawn) == 2, "the same is drawn once"


def test_people_must_be_apart_and_counts_are_equal(store, tmp_path):
    first, others = read_real(store, ["test"]), read_real(store, ["train"])
    one, two = alike(first, others, 6)
    assert len(one) == len(two) == 6
    with pytest.raises(ValueError, match=r"celeba:\d is among .*test.* and among .*test.*: people must be apart"):
        alike(first, first, 6)
    assert one.open(0, 8).size == (8, 8)


def test_a_folder_of_pictures_of_several_sizes_is_read(tmp_path, astronaut):
    astronaut.resize((40, 30)).save(tmp_path / "a.png")
    astronaut.resize((20, 60)).save(tmp_path / "b.png")
    real = read_real(tmp_path)
    assert [real.open(i, 16).size for i in range(2)] == [(16, 16)] * 2
    assert real.sizes == {20, 30}


def test_what_is_missing_is_named(tiny_model, store, tmp_path):
    for arguments, said in (
        (["vae", "--vae", str(tmp_path), "--pictures", str(store)], "holds no first stage: give vae_gs-<step>"),
        (["unet", "--pictures", str(store)], "give --run logs/RUN or --sd WEIGHTS"),
    ):
        assert said in str(CliRunner().invoke(app, ["evaluate", *arguments]).exception)


def test_too_few_pictures_are_told_before_any_is_drawn(tiny_model, tmp_path, astronaut):
    photo = np.asarray(astronaut.resize((16, 16)))
    rows = [
        {"source": "lfw", "file": f"{n}.jpg", "split": "test" if n < 9 else "train", "name": f"N {n}"}
        for n in range(30)
    ]
    write_store(tmp_path / "few", [(photo, row) for row in rows], {})
    words = [
        "evaluate",
        "unet",
        "--sd",
        str(tiny_model),
        "--pictures",
        str(tmp_path / "few"),
        "--out",
        str(tmp_path / "o"),
    ]
    said = str(CliRunner().invoke(app, words).exception)
    assert "few (test) and few (train) have 9 pictures each of the same data sets" in said
    assert "at least 10: name more splits with --split" in said
    assert not (tmp_path / "o").exists(), "nothing is drawn"
