"""What tests of weights share: small models in the layout of Stable Diffusion 1.x."""

from pathlib import Path

import pytest

from tests.weights.sd1_files import small_configs, write_single


@pytest.fixture(scope="session")
def like(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configs of a small Stable Diffusion 1.x, without weights."""
    return small_configs(tmp_path_factory.mktemp("small") / "like")


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory, like: Path) -> Path:
    """A small single file, .ckpt as Lightning writes it, with averaged weights that are half of the plain ones."""
    return write_single(tmp_path_factory.mktemp("single") / "small.ckpt", like, ema=True)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, single: Path, like: Path) -> Path:
    """The small model as a diffusers folder, made by ourselves from the single file."""
    from ldm.weights.read import read_model
    from ldm.weights.single import write_model

    return write_model(tmp_path_factory.mktemp("small") / "folder", read_model(single, None, like=like))
