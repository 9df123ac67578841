"""What a face does, measured by py-feat where that is installed: a probability for each of its action units."""

import re
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from ldm.faces.model_files import ModelFileError

HOW = "py-feat is not installed: pip install 'py-feat>=2.1,<3', or measure by blendshapes"


class PyFeat:
    """py-feat's detector with its classifiers of action units; it fetches its networks when it is made.

    Raises:
        ModelFileError: it is not installed, or of another version.
    """

    def __init__(self) -> None:
        try:
            from feat import Detectorv1
        except ImportError as error:
            raise ModelFileError(f"{HOW} ({error})") from error
        self._detector = Detectorv1()

    def __call__(self, picture: Image.Image) -> dict[str, float] | None:
        """``AU12`` -> probability, of the largest face; None where none is found."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture.png"
            picture.convert("RGB").save(file)
            faces: list[dict[str, Any]] = self._detector.detect(
                [str(file)], data_type="image", progress_bar=False
            ).to_dict("records")
        found = [face for face in faces if face["FaceRectWidth"] > 0]  # a picture without a face is a row of NaN
        if not found:
            return None
        face = max(found, key=lambda one: one["FaceRectWidth"] * one["FaceRectHeight"])
        return {name: float(value) for name, value in face.items() if re.fullmatch("AU[0-9]+", name)}
