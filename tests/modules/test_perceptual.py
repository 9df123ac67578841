"""The perceptual distance: the values of the package's own code, and what a distance is."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from ldm.modules import perceptual
from ldm.modules.perceptual import PerceptualDistance
from ldm.randomness import generator


def random_weights(path: Path) -> Path:
    """A file of random weights with the names and shapes of AlexNet's."""
    torch.manual_seed(0)
    state, number = {}, 0
    for place, layers in enumerate(perceptual._ALEX):
        for layer in layers:
            made = perceptual._layer(*layer)
            state |= {f"net.slice{place + 1}.{number}.{key}": value for key, value in made.state_dict().items()}
            width, number = layer[2] if layer[0] == "conv" else 0, number + 1
            if width:
                state[f"lin{place}.model.1.weight"] = torch.rand(1, width, 1, 1) / width
    torch.save(state, path)
    return path


needs_weights = pytest.mark.skipif(importlib.util.find_spec("stlpips_pytorch") is None, reason="stlpips is absent")


def pictures():
    first = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return first, F.avg_pool2d(first, 3, 1, 1)


@needs_weights
@pytest.mark.parametrize(("trunk", "golden"), [("alex", [0.1058, 0.0855, 0.0924]), ("vgg", [0.3468, 0.2971, 0.2608])])
def test_the_values_are_those_of_the_package(trunk, golden):
    """Made with stlpips_pytorch.stlpips.LPIPS(net=trunk, variant="shift_tolerant"), torchvision stubbed."""
    generator_of_vgg = torch.Generator().manual_seed(0)
    first, second = pictures()
    if trunk == "vgg":  # the second pair that was drawn
        torch.rand(3, 3, 64, 64, generator=generator_of_vgg)
        first = torch.rand(3, 3, 64, 64, generator=generator_of_vgg) * 2 - 1
        second = F.avg_pool2d(first, 3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(PerceptualDistance(trunk)(first, second), torch.tensor(golden), atol=1e-4, rtol=0)


@needs_weights
def test_equal_pictures_have_no_distance_and_nothing_is_trained():
    net, (first, second) = PerceptualDistance(), pictures()
    assert net(first, first).abs().max() == 0
    second.requires_grad_(True)
    net(first, second).sum().backward()
    assert second.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in net.train().parameters())
    assert not net.training


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"pip install --no-deps stlpips-pytorch==0\.0\.2 \(or perceptual_weight: 0\)"
    ):
        PerceptualDistance()


def test_another_file_in_its_place_is_refused(monkeypatch, tmp_path):
    folder = tmp_path / "weights" / "vST0.0"
    folder.mkdir(parents=True)
    random_weights(folder / "alex_shift_tolerant.pth")
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: found)
    with pytest.raises(ValueError, match=r"is not the file it should be: SHA-256 \w+…, expected b356b382f96010f7…"):
        PerceptualDistance()


def test_all_pairs_of_features_are_the_distances_of_the_pictures(tmp_path):
    net, (first, second) = PerceptualDistance("alex", random_weights(tmp_path / "alex.pth")), pictures()
    torch.testing.assert_close(net.between(net.features(first), net.features(second)), net(first, second))
    assert net(first, first).abs().max() == 0


def test_a_blur_keeps_what_is_flat():
    flat = torch.rand(2, 3, 1, 1, generator=generator(0)).expand(2, 3, 8, 8)
    torch.testing.assert_close(perceptual.Blur(3)(flat), flat[:, :, :5, :5])
