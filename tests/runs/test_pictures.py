from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.runs.pictures import grid, save_jpeg, to_pictures


def test_pictures_from_tensors() -> None:
    colour, grey = to_pictures(torch.tensor([-2.0, 0.0, 1.0]).view(1, 3, 1, 1)), to_pictures(torch.ones(1, 1, 2, 2))
    assert np.asarray(colour[0]).tolist() == [[[0, 128, 255]]]
    assert np.asarray(grey[0]).shape == (2, 2, 3)


def test_a_grid_has_rows(tmp_path: Path) -> None:
    sheet = grid([Image.new("RGB", (10, 8), "white")] * 5, columns=4, gap_px=2)
    assert sheet.size == (4 * 12 + 2, 2 * 10 + 2)
    save_jpeg(sheet, tmp_path / "new" / "grid.jpg")
    assert Image.open(tmp_path / "new" / "grid.jpg").format == "JPEG"
    with pytest.raises(ValueError, match="at least one picture"):
        grid([])
