"""What faces from nothing cost: the pictures that are timed, and what the table says."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.studies import bench_faces as study
from ldm.data.store import PictureStore


def test_the_pictures_are_pieces_of_a_photo_with_an_attribute(tmp_path: Path) -> None:
    study.write_pictures(tmp_path, 16, count=5)
    store = PictureStore(tmp_path)
    assert len(store.rows) == 5
    assert all(row["attributes"] == ["Smiling"] for row in store.rows)


@pytest.mark.parametrize(("ratio", "said"), [(1.05, "yes"), (1.3, "no")])
def test_the_table_holds_the_unet_to_its_goal_and_says_so_of_a_picture(ratio: float, said: str) -> None:
    one = {"batch_size": 4, "floor_ms": 10.0, "step_ms": 10.0 * ratio}
    found: dict[str, Any] = {
        "first stage": one | {"ratio": 9.0},
        "UNet from stored latents": one | {"ratio": ratio},
        "picture_s": {"1": 1.2, "8": 0.5},
        "repeats": 5,
        "steps": 2,
    }
    text = study.describe(found)
    assert f"| UNet from stored latents | 4 | {10 * ratio} ms | 10.0 ms | {ratio:.2f} | {said} |" in text
    assert "| 9.00 | none |" in text
    assert "1.20 s alone (≤ 1 s: not met), 0.50 s among eight" in text
