"""Pictures beside their control pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.control_images import as_control, canny, middle
from ldm.data.controlled import ControlledPictures
from ldm.data.sampling import SampleKey


class Tools:
    """A model of 32-px pictures whose latents are their pixels; faces are where the picture is not grey."""

    sample_size_px, multiple_px = 32, 8

    def list_photos(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("*.png"))

    def read_photo(self, path: Path) -> Image.Image:
        return Image.open(path).convert("RGB")

    def face_points(self, photo: Image.Image) -> Any:
        if np.asarray(photo).std() < 1:
            return None
        places = ((0.3, 0.4), (0.6, 0.4), (0.4, 0.5), (0.3, 0.7), (0.5, 0.7))
        return tuple((x * photo.width, y * photo.height) for x, y in places)

    def encode_pictures(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def refusal(self, caption: str) -> str | None:
        return None

    def make_class_pictures(self, wanted: Any) -> None:
        """There are none."""


@pytest.fixture
def folder(tmp_path: Path, astronaut: Image.Image, hopper: Image.Image) -> Path:
    for name, photo in (("a", astronaut), ("b", hopper)):
        photo.save(tmp_path / f"{name}.png")
    (tmp_path / "a.txt").write_text("an astronaut\n")
    return tmp_path


def signed(photo: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1).float() / 127.5 - 1


def test_latents_and_edges_belong_together_upright_and_mirrored(folder: Path, astronaut: Image.Image) -> None:
    data = ControlledPictures(folder, Tools())
    small = middle(astronaut, (32, 32))
    seen = set()
    for draw in range(12):
        sample = data[SampleKey(0, draw)]
        mirrored = not torch.allclose(sample["latents"], signed(small), atol=1e-4)
        picture, edges = (one.flip(-1) if mirrored else one for one in (signed(small), as_control(canny(small))))
        assert torch.allclose(sample["latents"], picture, atol=1e-4)
        assert sample["control"].equal(edges)
        assert sample["caption"] == "an astronaut"
        seen.add(mirrored)
    assert seen == {True, False}
    assert data[1]["caption"] == "a photo of a face"
    assert len(data) == 2


def test_left_and_right_of_a_face_stay_apart_in_the_mirror(folder: Path) -> None:
    """The left eye of the picture is red, whichever eye it is."""
    upright, mirrored = ControlledPictures(folder, Tools(), control="landmarks").controls[0]
    for picture in (upright, mirrored):
        pixels = np.asarray(picture).astype(int)
        red = np.nonzero((pixels[..., 0] > 200) & (pixels[..., 2] < 100) & (pixels[..., 1] < 100))[1].mean()
        blue = np.nonzero((pixels[..., 2] > 200) & (pixels[..., 0] < 100))[1].mean()
        assert red < blue


def test_the_blind_control_sees_other_pictures(folder: Path) -> None:
    seeing, blind = (ControlledPictures(folder, Tools(), blind=blind) for blind in (False, True))
    for own, other in ((0, 1), (1, 0)):
        assert blind[SampleKey(own, 5)]["latents"].shape == seeing[SampleKey(own, 5)]["latents"].shape
        assert blind.controls[blind.shown[own]] == seeing.controls[other]


def test_without_a_face(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.new("RGB", (64, 64), "grey").save(folder / "c.png")
    assert len(ControlledPictures(folder, Tools(), control="landmarks")) == 2
    assert "c.png shows no face and is left out" in caplog.text
    (folder / "a.png").unlink()
    (folder / "b.png").unlink()
    with pytest.raises(ValueError, match="shows a face: landmarks need one; take control: canny"):
        ControlledPictures(folder, Tools(), control="landmarks")


def test_a_caption_that_does_not_fit_is_seen_before_pictures_are_encoded(folder: Path) -> None:
    class Short(Tools):
        def refusal(self, caption: str) -> str | None:
            return f"the prompt {caption!r} has too many tokens" if "astronaut" in caption else None

        def encode_pictures(self, images: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    said = r"1 of 2 captions are too long, first that of a\.png: the prompt 'an astronaut' has too many tokens$"
    with pytest.raises(ValueError, match=said):
        ControlledPictures(folder, Short())
    with pytest.raises(ValueError, match=r"2 of 2 captions are too long, first that of a\.png"):
        ControlledPictures(folder, Short(), captions="prompt", instance_prompt="an astronaut")
