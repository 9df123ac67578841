"""What a face does, in 52 numbers: MediaPipe's face landmarker, run by LiteRT."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.align import apply
from ldm.faces.detect import Face
from ldm.faces.model_files import ModelFileError
from ldm.faces.warp import warp

SIDE_PX = 256
"""Side of the picture that the landmark network takes."""

AROUND = 1.5
"""Side of the cut, in sides of the square around a face, as in MediaPipe's graph."""

MIN_PRESENCE = 0.5
"""Below this chance of a face in the cut, there is none, as MediaPipe's default has it."""

LANDMARKS, BLENDSHAPES = "face_landmarks_detector.tflite", "face_blendshapes.tflite"

WHERE = (
    "it is MediaPipe's face_landmarker.task (Apache-2.0, 3.8 MB): "
    "https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker lists it under Models"
)

# Which of the 478 landmarks the second network reads, in its order (MediaPipe, face_blendshapes_graph.cc).
READ = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip

NAMES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip


@dataclass(frozen=True)
class FaceShape:
    """What the landmarker says of one face.

    Attributes:
        scores: blendshape -> how strong, 0 to 1.
        landmarks: (478, 2) pixels of the picture.
        presence: the chance that there is a face, 0 to 1.
    """

    scores: dict[str, float]
    landmarks: NDArray[np.float64]
    presence: float


class FaceLandmarker:
    """The networks of a ``face_landmarker.task``; our own detector says where the face is.

    Args:
        task: the file, a zip of networks.
        threads: that they may use.

    Raises:
        ModelFileError: the file is missing or is no such task, or LiteRT is not installed.
    """

    def __init__(self, task: Path, threads: int = 1) -> None:
        if not task.is_file():
            raise ModelFileError(f"there is no face landmarker at {task}: {WHERE}")
        try:
            with zipfile.ZipFile(task) as archive:
                networks = [archive.read(name) for name in (LANDMARKS, BLENDSHAPES)]
        except (zipfile.BadZipFile, KeyError) as error:
            raise ModelFileError(f"{task} is no face landmarker ({error}): {WHERE}") from error
        self._landmarks, self._blendshapes = (_interpreter(content, threads) for content in networks)

    def __call__(self, picture: Image.Image, face: Face) -> FaceShape | None:
        """What ``face``, found in ``picture`` (RGB), does; None if the network sees no face there.

        The face is cut twice: around the detector's box, then around the landmarks found in that cut.
        """
        side = AROUND * float(max(face.box[2:] - face.box[:2]))
        presence, landmarks = self._look(picture, face.center.astype(np.float64), side, face.roll)
        low, high = landmarks.min(0), landmarks.max(0)
        presence, landmarks = self._look(picture, (low + high) / 2, AROUND * float(max(high - low)), face.roll)
        if presence < MIN_PRESENCE:
            return None
        points = landmarks[list(READ)][None].astype(np.float32)
        scores = _run(self._blendshapes, points)[0].ravel()
        return FaceShape(dict(zip(NAMES, map(float, scores), strict=True)), landmarks, presence)

    def _look(
        self, picture: Image.Image, center: NDArray[np.float64], side: float, roll: float
    ) -> tuple[float, NDArray[np.float64]]:
        """Presence, and landmarks (478, 2) in pixels of ``picture``, of a level square cut."""
        turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) * (SIDE_PX / side)
        matrix = np.column_stack([turn, SIDE_PX / 2 - turn @ center])
        cut = np.asarray(warp(picture, matrix, SIDE_PX), np.float32)[None] / np.float32(255)
        outputs = sorted(_run(self._landmarks, cut), key=lambda one: -one.size)
        points = outputs[0].reshape(-1, 3)[:, :2].astype(np.float64)
        presence = 1 / (1 + np.exp(-float(outputs[1].ravel()[0])))
        back = np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2]
        return presence, np.asarray(apply(back, points), np.float64)


def _interpreter(content: bytes, threads: int) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ModelFileError(
            "LiteRT runs the landmarker and is not installed: pip install 'ai-edge-litert>=2'"
        ) from error
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Any, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The outputs of a network, in its order."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]).copy() for one in interpreter.get_output_details()]
