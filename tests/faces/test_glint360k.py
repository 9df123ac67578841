import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ldm.faces import glint360k, iresnet
from ldm.faces.backend import load_backend
from ldm.faces.glint360k import FOLDER, BackboneError, backbone_file, exported
from ldm.faces.insightface_pack import PackError
from ldm.faces.iresnet import IResNet
from tests.faces.nets import save_recognition, save_scrfd

SMALL = {"blocks": (1, 1, 1, 1), "widths": (4, 4, 4, 4)}


@pytest.fixture
def small(monkeypatch):
    """IResNet-100 stands for a small one, so that files are made in no time."""
    monkeypatch.setattr(iresnet.IResNet.__init__, "__defaults__", (SMALL["blocks"], SMALL["widths"], 512))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where backbone.pth is expected."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    return folder / "backbone.pth"


def save(net, path):
    torch.manual_seed(1)
    torch.save(net.state_dict(), path)
    return path


def test_the_published_file_is_used_where_it_lies(small, place, astronaut):
    save(IResNet(), place)
    backend = load_backend("glint360k")
    assert (backend.name, backend.detector.name, backend.encoder.name) == ("glint360k", "yunet", "glint360k")
    assert load_backend("auto").name == "glint360k"
    face = backend.largest(astronaut)
    vector = backend.describe(astronaut, face)
    assert vector.shape == (512,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_it_is_exported_once_and_again_when_the_file_changed(small, place):
    first = exported(save(IResNet(), place))
    assert first == place.with_suffix(".onnx")
    os.utime(first, (1, 1))
    exported(place)
    assert first.stat().st_mtime == 1
    glint360k.sha256_of.cache_clear()
    torch.save({name: values + 1 for name, values in torch.load(place).items()}, place)
    exported(place)
    assert first.stat().st_mtime > 1


def test_a_cut_off_export_is_made_again(small, place):
    save(IResNet(), place)
    place.with_suffix(".onnx").write_bytes(b"\x08\x08\x12")
    assert exported(place).stat().st_size > 100


def test_batch_counters_may_lack(small, place):
    tensors = {name: values for name, values in IResNet().state_dict().items() if "num_batches" not in name}
    torch.save(tensors, place)
    assert exported(place).is_file()


def test_a_missing_file_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        BackboneError, match=r"no weights/glint360k_cosface_r100_fp16_0.1/backbone.pth. Put .*Glint360K"
    ):
        backbone_file()


@pytest.mark.parametrize(
    ("held", "found"),
    [
        (lambda: IResNet((3, 4, 14, 3), (4, 4, 4, 4)).state_dict(), r"an IResNet-50 \(3, 4, 14, 3 blocks\)"),
        (lambda: IResNet((1, 2, 1, 1), (4, 4, 4, 4)).state_dict(), r"an IResNet \(1, 2, 1, 1 blocks\)"),
        (lambda: IResNet((3, 13, 30, 3), (4, 4, 4, 4)).state_dict(), r"IResNet-100 \(.*have another shape, first bn1"),
        (lambda: {"state_dict": {}, "epoch": 3}, "a dict with state_dict, epoch, not IResNet-100"),
        (lambda: {"conv.weight": torch.zeros(1)}, "1 tensors, first conv.weight"),
        (lambda: [1, 2], "a list"),
    ],
)
def test_another_network_is_named(place, held, found):
    torch.save(held(), place)
    with pytest.raises(BackboneError, match=found) as info:
        exported(place)
    assert "is another network" in str(info.value)
    assert not place.with_suffix(".onnx").exists()


def test_a_file_that_is_cut_off_or_runs_code_is_refused(place):
    place.write_bytes(b"PK\x03\x04 half of a download")
    with pytest.raises(BackboneError, match=r"cannot be read as weights.*cut off"):
        exported(place)
    glint360k.sha256_of.cache_clear()
    torch.save({"f": os.system}, place)
    with pytest.raises(BackboneError, match="cannot be read as weights"):
        exported(place)


@pytest.mark.skipif(importlib.util.find_spec("insightface") is None, reason="the insightface extra is not installed")
def test_a_packs_detector_finds_faces_for_it(small, place, astronaut):
    save(IResNet(), place)
    pack = Path("weights/insightface/models/buffalo_l")
    points = [(230.0, 200.0), (280.0, 200.0), (255.0, 230.0), (235.0, 255.0), (275.0, 255.0)]
    save_scrfd(pack / "det_10g.onnx", (200, 150, 310, 290), points)
    save_recognition(pack / "w600k_r50.onnx")
    backend = load_backend("buffalo_l+glint360k")
    names = (backend.name, backend.detector.name, backend.encoder.name)
    assert names == ("buffalo_l+glint360k", "scrfd-det_10g", "glint360k")
    assert backend.describe(astronaut, backend.largest(astronaut)).shape == (512,)


def test_a_pack_that_is_not_there_is_named_before_the_network_is_read(place):
    with pytest.raises(PackError, match="no insightface pack 'buffalo_l'"):
        load_backend("buffalo_l+glint360k")
