"""What every test shares. Threads are set before torch is imported."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("WANDB_MODE", "offline")

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CELEBBASIS_SHARED", ROOT.parent / "shared" / "data"))

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="development data (../shared/data) is not here")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data; use together with ``@needs_shared``."""
    return SHARED


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """Eileen Collins, NASA, public domain: 512 x 512, one face."""
    from skimage import data

    return Image.fromarray(np.asarray(data.astronaut()))


@pytest.fixture(scope="session")
def hopper() -> Image.Image:
    """Grace Hopper, US Navy, public domain: one face."""
    from matplotlib import cbook

    return Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder of random weights: 16-px pictures, four steps, its own names.txt and defaults.yaml."""
    from tests.tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="session")
def tiny_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest of two people, aligned: eileen_collins and grace_hopper."""
    from tests.tiny_model import aligned_photos

    return aligned_photos(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_manifest: Path) -> Path:
    """A run of six steps on ``tiny_model`` that learned two people; files after steps 1, 3 and 5. Only read it."""
    from tests.tiny_model import train_people

    return train_people(tiny_model, tiny_manifest, tmp_path_factory.mktemp("logs"))
