import numpy as np
import onnxruntime
import pytest
import torch

from ldm.faces.iresnet import IResNet
from ldm.faces.iresnet_onnx import metadata_of, write_onnx


def lively(net):
    """Statistics and slopes as after training, so that every part counts."""
    torch.manual_seed(0)
    for name, values in (*net.named_parameters(), *net.named_buffers()):
        if name.endswith("running_var"):
            values.data.uniform_(0.5, 2.0)
        elif name.endswith(("running_mean", "bias")):
            values.data.normal_(0, 0.1)
        elif values.is_floating_point() and ("bn" in name or "prelu" in name):
            values.data.uniform_(0.2, 1.2)
    return net.eval()


@torch.no_grad()
def gap(net, path):
    """The greatest difference between torch's and onnxruntime's unit vectors of three pictures."""
    write_onnx(net, path, {"made of": "a test"})
    pictures = torch.rand(3, 3, 112, 112) * 2 - 1
    session = onnxruntime.InferenceSession(str(path))
    [theirs] = session.run(None, {"data": pictures.numpy()})
    ours = net(pictures).numpy()
    unit = [values / np.linalg.norm(values, axis=1, keepdims=True) for values in (ours, theirs)]
    return float(np.abs(unit[0] - unit[1]).max())


def test_the_file_gives_what_torch_gives(tmp_path):
    net = lively(IResNet(blocks=(2, 1, 2, 1), widths=(4, 8, 8, 16), dim=32))
    assert gap(net, tmp_path / "small.onnx") < 1e-5
    assert metadata_of(tmp_path / "small.onnx") == {"made of": "a test"}


def test_iresnet_100_has_the_published_size():
    with torch.device("meta"):
        net = IResNet()
    assert sum(p.numel() for p in net.parameters()) == 65_156_160
    names = list(net.state_dict())
    assert len(names) == 925
    assert {"layer3.29.bn3.running_var", "layer4.0.downsample.1.weight", "fc.bias", "features.weight"} <= set(names)


@pytest.mark.slow
def test_iresnet_100_gives_what_torch_gives(tmp_path):
    assert gap(lively(IResNet()), tmp_path / "backbone.onnx") <= 1e-4
