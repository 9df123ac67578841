import zipfile
from pathlib import Path

import numpy as np
import pytest

from ldm.faces.backend import load_backend
from ldm.faces.blendshapes import NAMES, READ, FaceLandmarker
from ldm.faces.model_files import ModelFileError
from tests.conftest import needs_shared


def test_the_lists_are_as_long_as_the_networks_want_them():
    assert len(NAMES) == len(set(NAMES)) == 52
    assert len(READ) == len(set(READ)) == 146
    assert max(READ) == 477


def test_a_missing_or_wrong_file_says_where_to_get_it(tmp_path):
    with pytest.raises(
        ModelFileError, match=r"no face landmarker at .*none.task: it is MediaPipe's face_landmarker.task"
    ):
        FaceLandmarker(tmp_path / "none.task")
    (tmp_path / "a.task").write_bytes(b"no zip")
    with pytest.raises(ModelFileError, match=r"a.task is no face landmarker"):
        FaceLandmarker(tmp_path / "a.task")
    with zipfile.ZipFile(tmp_path / "b.task", "w") as archive:
        archive.writestr("other.tflite", b"")
    with pytest.raises(ModelFileError, match=r"b.task is no face landmarker .*face_landmarks_detector.tflite"):
        FaceLandmarker(tmp_path / "b.task")


@needs_shared
def test_eileen_collins_smiles_and_grace_hopper_does_not(shared_data: Path, astronaut, hopper):
    network, faces = FaceLandmarker(shared_data / "face" / "face_landmarker.task"), load_backend("yunet-sface")
    smiling, earnest = (network(photo, faces.largest(photo)) for photo in (astronaut, hopper))
    assert smiling.presence > 0.9
    assert smiling.scores["mouthSmileLeft"] > 0.6 > 0.3 > earnest.scores["mouthSmileLeft"]
    face = faces.largest(astronaut)
    eyes = [smiling.landmarks[index] for index in (468, 473)]
    assert np.abs(np.array(eyes) - face.points[:2]).max() < 6, "the irises are where the detector sees the eyes"
    turned = astronaut.rotate(25, resample=3)
    again = network(turned, faces.largest(turned))
    assert again.scores["mouthSmileLeft"] == pytest.approx(smiling.scores["mouthSmileLeft"], abs=0.15)
    nothing = astronaut.crop((0, 300, 200, 500)).resize((512, 512))
    assert network(nothing, face) is None
