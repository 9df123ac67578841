from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.runs.options import Options, parse_options
from ldm.runs.settings import changes, config_of, datadir_of, devices, differences, photos, seed_of
from tests.runs.tiny import tiny_tree

DATA = {"target": "tests.runs.tiny.TinyData", "params": {}}


def options(*words: str) -> Options:
    return parse_options(["--base", "a.yaml", *words])


def tree() -> dict[str, Any]:
    found = tiny_tree()
    found["model"]["params"]["personalization_config"] = {"params": {"initializer_words": ["face", "person"]}}
    found["data"]["params"]["validation"] = DATA
    return found


def test_options_change_the_config() -> None:
    typed = options(
        "--actual_resume", "w", "-s", "7", "--data_root", "a.jsonl", "--embedding_manager_ckpt", "e.pt",
        "--placeholder_string", "tok", "--init_word", "man", "--wandb",
    )  # fmt: skip
    found = changes(typed, tree())
    method = {"embedding_manager_ckpt": "e.pt", "placeholder_strings": ["tok"], "initializer_words": ["man", "person"]}
    assert found["model"]["params"] == {"ckpt_path": "w", "seed": 7, "personalization_config": {"params": method}}
    splits = {split: {"params": {"pickle_path": "a.jsonl"}} for split in ("train", "validation")}
    assert found["data"]["params"] == {"seed": 7, **splits}
    assert found["lightning"] == {"logger": "wandb"}
    assert changes(options(), tree()) == {}


def test_a_folder_of_photos_stands_for_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    with pytest.raises(ValueError, match=r"ann has no manifest ann\.jsonl beside it; bash 00_align_face\.sh"):
        photos(DATA, tmp_path / "ann")
    (tmp_path / "ann.jsonl").touch()
    assert photos(DATA, tmp_path / "ann") == ("pickle_path", tmp_path / "ann.jsonl")


def test_options_of_a_method_reach_the_part_of_a_chain_that_takes_them() -> None:
    lora = {"target": "ldm.modules.lora.LoraAdapter", "params": {"rank": 4}}
    people = {"target": "ldm.modules.embedding_manager.EmbeddingManagerId"}
    found = tree()
    found["model"]["params"]["personalization_config"] = {"params": {"parts": [lora, people]}}
    changed = changes(options("--embedding_manager_ckpt", "e.pt"), found)["model"]["params"]["personalization_config"]
    assert changed["params"]["parts"] == [lora, {**people, "params": {"embedding_manager_ckpt": "e.pt"}}]
    assert "params" not in people, "the files' own tree stays as it was"
    with pytest.raises(ValueError, match="no part of this config's Chain takes initializer_words"):
        changes(options("--init_word", "man"), found)


def test_photos_that_a_folder_is_made_of_are_the_ones_meant(root: Path) -> None:
    faces = root / "configs" / "latent-diffusion" / "faces.yaml"
    train = config_of(parse_options(["--base", str(faces), "--data_root", "my/store"])).data.params.train.params
    assert (train.pictures, train.folder) == ("my/store", "data/faces_latents")
    node = {"target": "ldm.data.latents.CaptionedLatents", "params": {"folder": "l", "pictures": None}}
    assert photos(node, Path("my/latents")) == ("folder", Path("my/latents")), "nothing is made: latents as they are"


def test_data_without_photos_has_no_data_root() -> None:
    with pytest.raises(ValueError, match=r"--data_root: tests\.runs\.tiny\.TinyModel takes no photos; it takes width"):
        photos({"target": "tests.runs.tiny.TinyModel"}, Path("a.jsonl"))


@pytest.mark.parametrize(
    ("gpus", "wanted"),
    [
        ("0,", {"accelerator": "gpu", "devices": [0]}),
        ("1,3", {"accelerator": "gpu", "devices": [1, 3]}),
        ("2", {"accelerator": "gpu", "devices": 2}),
        ("-1", {"accelerator": "gpu", "devices": -1}),
    ],
)
def test_gpus(monkeypatch: pytest.MonkeyPatch, gpus: str, wanted: dict[str, Any]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices(gpus) == wanted


def test_gpus_where_there_is_none(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices("0,") == {"accelerator": "auto", "devices": 1}
    assert "--gpus 0,: there is no CUDA device here; going on with what there is" in caplog.text
    with pytest.raises(ValueError, match="--gpus: 'all' given; '0,' is the first GPU"):
        devices("all")


def test_the_name_of_the_data_begins_a_run() -> None:
    assert datadir_of(options()) == "training"
    assert datadir_of(options("--data_root", "some/ann.jsonl")) == "ann"
    assert datadir_of(options("--data_root", "some/ann")) == "ann"
    assert datadir_of(options("--datadir_in_name", "false")) == ""


def test_differences_have_their_paths() -> None:
    old, new = {"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2, "c": [1]}, "e": "x"}
    assert list(differences(old, new)) == ["a.b: 1 -> 2", "d: 1 -> None", "e: None -> 'x'"]


def test_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "model: {target: tests.runs.tiny.TinyModel, params: {seed: 4}}\ndata: {target: tests.runs.tiny.TinyData}\n"
    )
    assert seed_of(parse_options(["--base", str(path)]), config_of(parse_options(["--base", str(path)]))) == 4
    typed = parse_options(["--base", str(path), "-s", "9"])
    assert seed_of(typed, config_of(typed)) == 9
    assert config_of(typed).model.params.seed == 9
