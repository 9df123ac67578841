"""face-diffusion's ``cmd/unet_eval.py``: its flags, told to ``python -m ldm evaluate unet``, unconditional as there.

``--inception FILE.pt`` gives FID and IS; without it the distance is measured in the space of a face network.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ldm.__main__ import main


def command(argv: list[str] | None = None) -> list[str]:
    """The arguments of ``python -m ldm`` that do the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unet-path", required=True, help="a model folder: model_gs-<step> of a run")
    parser.add_argument("--vae-path", help="without effect: the model folder holds the first stage")
    parser.add_argument("--image-folder", required=True, help="a store, split the legacy way")
    parser.add_argument("--batch-size", type=int, help="without effect on the result")
    parser.add_argument("--image-size", type=int, help="without effect: pictures have the model's size")
    parser.add_argument("--inception", help="InceptionV3 as TorchScript")
    given, more = parser.parse_known_args(argv)
    options = [
        "--split",
        "unet_test",
        "--other-split",
        "unet_val",
        "--prompts",
        "none",
        "--steps",
        "30",
        "--guidance",
        "1",
    ]
    features = ["--features", given.inception] if given.inception else []
    return ["evaluate", "unet", "--sd", given.unet_path, "--pictures", given.image_folder, *options, *features, *more]


if __name__ == "__main__":
    main(command())
