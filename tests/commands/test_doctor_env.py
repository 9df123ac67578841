import json
from importlib import metadata
from pathlib import Path

import pytest

from ldm.__main__ import main
from ldm.commands import doctor_env


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A user without login and without weights."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["doctor-env", *arguments])
    return left.value.code


def test_this_machine_is_fit(capsys):
    assert code_of("--json", "--weights", "nowhere") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert report["weights"] == []
    torch = next(one for one in report["packages"] if one["name"] == "torch")
    assert torch["state"] == "ok"
    assert torch["required"]
    assert report["devices"]["cpu"]["usable"] >= 1
    assert 0 < report["memory"]["available_gib"] <= report["memory"]["total_gib"]


def test_the_table_names_every_package(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    assert code_of() == 0
    printed = capsys.readouterr().out
    for line in doctor_env.requirements():
        if (package := doctor_env._package(line)) is not None:
            assert package["name"] in printed
    assert "cores usable" in printed
    assert "not logged in: runs stay offline" in printed


def test_what_is_missing_or_too_old_is_a_problem(capsys, monkeypatch):
    versions = {"torch": "2.9.1+cpu", "diffusers": None}

    def version(name: str) -> str:
        if name in versions:
            if versions[name] is None:
                raise metadata.PackageNotFoundError(name)
            return versions[name]
        return real(name)

    real = metadata.version
    monkeypatch.setattr(metadata, "version", version)
    assert code_of("--json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert problems == [
        "torch 2.9.1+cpu; <2.14,>=2.11 is wanted",
        "diffusers is missing; <0.43,>=0.42 is wanted",
    ]
    assert code_of() == 1
    assert "mend: diffusers is missing" in capsys.readouterr().out


def test_a_missing_extra_is_no_problem():
    missing = doctor_env._package("surely-not-installed>=1; extra == 'x'")
    assert (missing["state"], missing["required"], missing["extra"]) == ("missing", False, "x")
    assert doctor_env._package("celebbasis-ldm[notebook]; extra == 'dev'") is None


def test_without_the_checkout_the_installed_package_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor_env, "ROOT", tmp_path)
    assert any(line.startswith("torch") for line in doctor_env.requirements())


def test_weights_are_found_by_kind(tmp_path):
    for name in (
        "embedded/model_index.json",
        "sd-v1-4.ckpt",
        "lora.safetensors",
        "insightface/models/buffalo_l/det_10g.onnx",
        "insightface/models/empty/readme.txt",
        "glint360k_cosface_r100_fp16_0.1/backbone.pth",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {(one["kind"], Path(one["path"]).name) for one in doctor_env.find_weights(tmp_path)}
    assert found == {
        ("diffusers folder", "embedded"),
        ("checkpoint", "sd-v1-4.ckpt"),
        ("checkpoint", "lora.safetensors"),
        ("insightface pack", "buffalo_l"),
        ("face net of the paper", "backbone.pth"),
    }


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("WANDB_MODE", "offline", "offline (WANDB_MODE)"),
        ("WANDB_API_KEY", "x" * 40, "logged in"),
        ("WANDB_BASE_URL", "https://wandb.example/", "not logged in: runs stay offline (wandb login)"),
    ],
)
def test_wandb(monkeypatch, name, value, state):
    monkeypatch.setenv(name, value)
    assert doctor_env.wandb_state() == state


def test_wandb_login_in_netrc(tmp_path):
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password none\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert doctor_env.wandb_state() == "logged in"
    (tmp_path / ".netrc").write_text("machine\n")
    assert doctor_env.wandb_state().startswith("not logged in")
