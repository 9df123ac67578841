import numpy as np
import pytest
from PIL import Image, ImageFilter

from ldm.faces.align import ARCFACE_112, FFHQ_512
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.cut import FaceError, cut_faces, sharpness


@pytest.fixture(scope="module")
def backend() -> FaceBackend:
    return load_backend("yunet-sface")


@pytest.fixture(scope="module")
def both(astronaut, hopper) -> Image.Image:
    picture = Image.new("RGB", (1024, 600), "grey")
    picture.paste(astronaut, (0, 0))
    picture.paste(hopper, (512, 0))
    return picture


@pytest.mark.parametrize(("mode", "size", "template"), [("ffhq", 512, FFHQ_512), ("arcface", 112, ARCFACE_112)])
def test_the_largest_face_is_cut_with_its_points(backend, both, mode, size, template):
    (cut,), found = cut_faces(both, backend, size, mode)
    assert cut.picture.size == (size, size)
    assert cut.picture.mode == "RGB"
    assert found == 2
    assert cut.face.points[0, 0] > 512  # Grace Hopper's face is the larger
    assert np.abs(cut.points - template).max() < 0.06 * size
    assert np.linalg.norm(cut.vector) == pytest.approx(1, abs=1e-5)


def test_a_cut_face_still_is_that_person(backend, astronaut):
    (cut,), _ = cut_faces(astronaut, backend)
    again = backend.largest(cut.picture)
    assert backend.describe(cut.picture, again) @ cut.vector > 0.9


def test_all_faces_are_cut_largest_first(backend, both):
    cuts, found = cut_faces(both, backend, 64, which="all")
    assert found == len(cuts) == 2
    assert cuts[0].face.size_px > cuts[1].face.size_px
    assert cuts[0].vector @ cuts[1].vector < 0.3


def test_no_face_is_an_error(backend):
    with pytest.raises(FaceError, match="no face found"):
        cut_faces(Image.new("RGB", (300, 300), "white"), backend)


def test_several_faces_are_an_error_when_one_is_wanted(backend, both):
    with pytest.raises(
        FaceError, match="2 faces found where one is wanted: crop the photo, or choose by --faces largest"
    ):
        cut_faces(both, backend, which="one")


def test_a_small_face_is_an_error_that_says_its_size(backend, astronaut):
    small = astronaut.resize((256, 256))
    with pytest.raises(FaceError, match=r"the largest face is 4\d px across, less than 64: .* lower --min-face"):
        cut_faces(small, backend)
    assert cut_faces(small, backend, 64, min_face_px=32)[1] == 1


def test_bystanders_too_small_to_take_do_not_count(backend, astronaut, hopper):
    picture = Image.new("RGB", (1024, 600), "grey")
    picture.paste(hopper, (0, 0))
    picture.paste(astronaut.resize((200, 200)), (700, 100))
    assert len(backend.faces(picture)) == 2
    assert cut_faces(picture, backend, 64, which="one")[1] == 1


def test_sharpness_is_the_variance_of_the_laplacian(astronaut):
    board = (np.indices((10, 10)).sum(0) % 2 * 10).astype(np.uint8)
    assert sharpness(Image.fromarray(board)) == pytest.approx(40**2)  # -40 and +40 in equal shares
    assert sharpness(Image.new("L", (1, 1))) == 0
    assert sharpness(astronaut.filter(ImageFilter.GaussianBlur(3))) < 0.2 * sharpness(astronaut)
