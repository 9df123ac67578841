"""What pictures are compared by."""

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.features import FaceFeatures, Inception
from ldm.faces.backend import load_backend


def test_a_picture_without_a_face_stays_in(astronaut):
    backend = load_backend("yunet-sface")
    found = FaceFeatures(backend.detector, backend.encoder)([astronaut, Image.new("RGB", (64, 64), "gray")])
    assert found.features.shape == (2, 128)
    assert found.faceless == 1
    np.testing.assert_allclose(np.linalg.norm(found.features, axis=1), 1, rtol=1e-5)


class Net(torch.nn.Module):
    def forward(self, images: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        means = images.float().mean([2, 3])
        return means if return_features else torch.softmax(means, 1)


def test_inception_is_any_network_called_like_nvidias(tmp_path):
    torch.jit.script(Net()).save(str(tmp_path / "inception.pt"))
    found = Inception(tmp_path / "inception.pt")([Image.new("RGB", (20, 30), (10, 20, 30))] * 3)
    np.testing.assert_allclose(found.features, [[10, 20, 30]] * 3, atol=1)
    assert found.logits.shape == (3, 3)
    assert found.faceless is None
    with pytest.raises(FileNotFoundError, match=r"there is no Inception network at .*no\.pt"):
        Inception(tmp_path / "no.pt")
