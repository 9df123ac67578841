import numpy as np
import pytest
from PIL import Image, ImageFilter

from ldm.faces.backend import load_backend
from ldm.faces.checkup import blur_of, examine, light_of, look_at, pose_of
from ldm.faces.detect import Face
from ldm.faces.faults import Thresholds
from ldm.faces.photo_hash import distance


@pytest.fixture(scope="module")
def backend():
    return load_backend("yunet-sface")


@pytest.fixture(scope="module")
def seen(backend, astronaut, tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "a.png"
    astronaut.save(path)
    return examine(path, "eileen", backend)


def test_a_good_photo(seen):
    assert (seen.size, seen.turned, seen.sideways, len(seen.faces)) == ((512, 512), False, 0, 1)
    assert seen.blur < Thresholds().blur
    assert seen.light.bright > Thresholds().dark
    assert seen.crop.size == (256, 256)
    assert abs(np.rad2deg(seen.pose.roll)) < 12
    assert 0.1 < seen.framing < 0.4


def test_a_photo_turned_by_its_tag_is_looked_at_upright(backend, seen, astronaut, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    astronaut.rotate(90, expand=True).save(tmp_path / "a.png", exif=exif)
    found = examine(tmp_path / "a.png", "eileen", backend)
    assert found.turned
    assert found.sideways == 0
    assert float(found.vector @ seen.vector) > 0.99


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_that_lies_on_its_side_is_turned_until_its_face_stands(backend, seen, astronaut, tmp_path, degrees):
    found = look_at(astronaut.rotate(degrees), tmp_path / "a.png", "eileen", backend)
    assert found.sideways == (360 - degrees) % 360
    assert float(found.vector @ seen.vector) > 0.95


def test_what_cannot_be_read_and_what_has_no_face(backend, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    assert "torn.jpg is damaged or cut off" in examine(tmp_path / "torn.jpg", "x", backend).error
    found = look_at(Image.new("RGB", (300, 200), "white"), tmp_path / "a.png", "x", backend)
    assert (list(found.faces), found.vector, found.sideways, found.framing) == ([], None, 0, 0)
    assert len(found.marks) == 2
    assert found.light.clipped == 1


def test_blur_rises_and_light_falls(seen):
    blurs = [blur_of(seen.crop.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    assert blurs == sorted(blurs)
    assert blurs[0] < Thresholds().blur < blurs[-1]
    darker = blur_of(seen.crop.point(lambda value: value // 2))
    assert darker == pytest.approx(blurs[0], abs=0.03), "contrast does not count"
    assert light_of(seen.crop.point(lambda value: value // 4)).bright < Thresholds().dark
    assert light_of(seen.crop.point(lambda value: min(255, value * 4))).clipped > Thresholds().clipped
    assert light_of(seen.crop).clipped < Thresholds().clipped
    assert light_of(Image.new("RGB", (256, 256), (255, 170, 140))).clipped == 1, "red is lost, grey is not white"


def test_where_a_face_looks():
    ahead = np.array([[40, 40], [60, 40], [50, 51], [42, 60], [58, 60]], np.float32)
    right = ahead + np.array([[0, 0], [0, 0], [6, 0], [0, 0], [0, 0]], np.float32)

    def pose(points):
        return pose_of(Face(np.array([30, 30, 70, 70], np.float32), points, 0.9))

    assert (pose(ahead).yaw, pose(ahead).pitch) == (pytest.approx(0, abs=0.01), pytest.approx(0, abs=0.01))
    assert pose(right).yaw == pytest.approx(0.3)
    turn = np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]], np.float32)
    tilted = pose((right - 50) @ turn + 50)
    assert tilted.yaw == pytest.approx(0.3, abs=0.01), "tilting the head does not turn it"
    assert tilted.roll == pytest.approx(0.4, abs=0.01)


def test_fingerprints_of_copies_are_near_and_of_others_far(seen, backend, astronaut, hopper, tmp_path):
    astronaut.resize((200, 200)).save(tmp_path / "a.jpg", quality=50)
    copy = examine(tmp_path / "a.jpg", "eileen", backend)
    assert distance(seen.marks[0], copy.marks[0]) <= 4
    other = look_at(hopper, tmp_path / "h.jpg", "grace", backend)
    assert distance(seen.marks[0], other.marks[0]) > 16
    assert distance(seen.marks[2], other.marks[2]) > 12
