"""face-diffusion's ``cmd/vae_eval.py``: its flags, told to ``python -m ldm evaluate vae``.

MS-SSIM is measured with the data range of the pixels, 2; there it was 1, which flatters.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ldm.__main__ import main

TEST = "vae_test"
"""The split that face-diffusion evaluated on."""


def command(argv: list[str] | None = None) -> list[str]:
    """The arguments of ``python -m ldm`` that do the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-path", required=True, help="vae_gs-<step> of a run, or a model folder")
    parser.add_argument("--image-folder", required=True, help="a folder of pictures, or a store")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=256)
    given, more = parser.parse_known_args(argv)
    options = ["--size", str(given.image_size), "--batch-size", str(given.batch_size)]
    if "--split" not in more and _has_test(Path(given.image_folder)):
        options += ["--split", TEST]
    return ["evaluate", "vae", "--vae", given.model_path, "--pictures", given.image_folder, *options, *more]


def _has_test(folder: Path) -> bool:
    """Whether ``folder`` is a store that was split the legacy way."""
    from ldm.data.store import ABOUT, PictureStore

    return (folder / ABOUT).is_file() and len(PictureStore(folder).select(split=TEST)) > 0


if __name__ == "__main__":
    main(command())
