from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.modules.celeb_basis import CelebBasis
from ldm.runs.basis_pictures import MULTIPLES, along_component, labelled_sheet, save_spectrum, shares, variances

MEAN = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
SIGMA = torch.tensor([[2.0, 1], [4, 2]])


@pytest.fixture
def basis() -> CelebBasis:
    """Two vectors of width 3, two axes each; the second vector's first axis points the other way."""
    axes = torch.stack([torch.eye(3)[:2], torch.tensor([[-1.0, 0, 0], [0, 0, 1]])])
    return CelebBasis(MEAN, axes, SIGMA)


def test_one_vector_moves_in_the_names_own_deviations(basis: CelebBasis) -> None:
    vectors = along_component(basis, 1, vector=1)
    expected = torch.zeros(len(MULTIPLES), 2, 2)
    expected[:, 1, 1] = torch.tensor(MULTIPLES) * SIGMA[1, 1]
    assert torch.equal(basis.project(vectors), expected)
    assert torch.equal(vectors[MULTIPLES.index(0)], MEAN)


def test_all_vectors_move_to_the_same_side(basis: CelebBasis) -> None:
    moved = along_component(basis, 0) - MEAN
    assert moved[-1].tolist() == [[6, 0, 0], [12, 0, 0]]
    assert moved[0].tolist() == [[-6, 0, 0], [-12, 0, 0]]


def test_variances_and_shares(basis: CelebBasis) -> None:
    assert variances(basis).tolist() == [[4, 1], [16, 4]]
    assert shares(basis).tolist() == [[0.8, 0.2], [0.8, 0.2]]


def test_a_basis_without_the_names_scale_says_so() -> None:
    basis = CelebBasis.from_legacy(torch.cat([MEAN[:, None], torch.eye(3)[:2].expand(2, -1, -1)], dim=1))
    with pytest.raises(ValueError, match="does not hold the names' own scale"):
        along_component(basis, 0)


def test_the_sheet_holds_every_picture_and_words_beside_it() -> None:
    rows = [[Image.new("RGB", (20, 10), (row * 100, column * 100, 9)) for column in range(3)] for row in range(2)]
    sheet = labelled_sheet(rows, ["first: 10 %", "second"], ["-1σ", "mean", "+1σ"])
    pixels = np.asarray(sheet)
    for row in range(2):
        for column in range(3):
            assert (pixels == (row * 100, column * 100, 9)).all(-1).sum() == 200
    left = sheet.width - 3 * 22
    assert left > 50
    assert (pixels[:, : left - 1].min(axis=2) < 128).any(), "words at the left"
    assert (pixels[:18, left:].min(axis=2) < 128).any(), "words above"


def test_the_spectrum_is_a_picture(basis: CelebBasis, tmp_path: Path) -> None:
    save_spectrum(basis, tmp_path / "spectrum.png")
    with Image.open(tmp_path / "spectrum.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height > 400
