"""What a reconstruction is measured by: closed forms, and what a picture without a face does."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from evaluation.reconstruction import Reconstruction, identity_kept, measure, pictures_of, reconstruct
from ldm.randomness import generator


def pictures(side=32, count=2):
    return torch.rand(count, 3, side, side, generator=generator(0, side)) * 2 - 1


def test_equal_pictures_are_perfect():
    found = measure(pictures(), pictures())
    assert found["mse"].tolist() == [0, 0]
    assert found["ssim"] == pytest.approx([1, 1])
    assert found["psnr"].min() > 100
    assert "ms_ssim" not in found, "32 px are too small"


def test_the_closed_forms():
    first = pictures()
    found = measure(first, first + 0.1, lambda a, b: (b - a).mean((1, 2, 3)))
    assert found["mse"] == pytest.approx([0.01, 0.01], rel=1e-4)
    assert found["psnr"] == pytest.approx([10 * np.log10(4 / 0.01)] * 2, rel=1e-4)
    assert found["perceptual"] == pytest.approx([0.1, 0.1], rel=1e-4)


def test_ssim_is_scikit_images_with_a_range_of_two():
    from skimage.metrics import structural_similarity

    first, second = pictures(), pictures(count=2).flip(0)
    own = structural_similarity(
        first[0].numpy(), second[0].numpy(), channel_axis=0, data_range=2.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    assert measure(first, second)["ssim"][0] == pytest.approx(own, abs=0.01)


def test_ms_ssim_is_measured_where_the_size_allows_it():
    assert measure(pictures(176, 1), pictures(176, 1))["ms_ssim"] == pytest.approx([1.0])


class Judge:
    name = encoder_name = "judge"

    def vectors(self, images):
        return [None if np.asarray(image).mean() < 10 else np.array([1.0, 0.0], np.float32) for image in images]


def test_a_whole_first_stage_is_measured():
    dist = lambda x: SimpleNamespace(latent_dist=SimpleNamespace(mean=x))  # noqa: E731
    vae = SimpleNamespace(
        device=torch.device("cpu"), dtype=torch.float32, encode=dist, decode=lambda x: SimpleNamespace(sample=x * 0.5)
    )
    done = []
    found = reconstruct(vae, [pictures(), pictures()], judge=Judge(), advance=done.append)
    assert isinstance(found, Reconstruction)
    means = found.means()
    assert means["mse"] == pytest.approx(float((pictures() * 0.5).square().mean()), rel=1e-5)
    assert means["identity"] == 1
    assert done == [2, 2]
    with pytest.raises(ValueError, match="there are no pictures to reconstruct"):
        reconstruct(vae, [])


def test_a_face_that_is_lost_is_told_from_one_that_was_not_there():
    dark = pictures_of(torch.full((1, 3, 8, 8), -1.0))
    light = pictures_of(torch.ones(1, 3, 8, 8))
    [lost] = identity_kept(Judge(), light, dark)
    assert lost is not None
    assert np.isnan(lost)
    assert identity_kept(Judge(), dark, light) == [None]
    assert np.asarray(light[0]).tolist() == np.full((8, 8, 3), 255).tolist()
    assert np.isnan(Reconstruction({"mse": np.zeros(1)}, np.array([np.nan])).means()["identity"])


def test_a_first_stage_that_destroys_faces_does_not_keep_identity():
    dark, light = torch.full((1, 3, 32, 32), -1.0), torch.ones(1, 3, 32, 32)
    encode = lambda x: SimpleNamespace(latent_dist=SimpleNamespace(mean=x))  # noqa: E731
    keeps_one = lambda x: SimpleNamespace(sample=torch.cat([x[:1], torch.full_like(x[1:], -1)]))  # noqa: E731
    vae = SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32, encode=encode, decode=keeps_one)
    shown = torch.cat([light, light, light, dark])
    found = reconstruct(vae, [shown], judge=Judge(), undetected=-0.2)
    assert (found.lost, found.faceless) == (2, 1)
    assert found.means()["identity"] == pytest.approx((1 - 0.2 - 0.2) / 3)
    assert reconstruct(vae, [shown], judge=Judge()).means()["identity"] == 1, "of a judge without the constant"
    assert "identity" not in reconstruct(vae, [shown]).means()
