"""face-diffusion's ``cmd/unet_train.py``: its flags, told to ``python main.py`` with our config of faces from nothing.

``--unet`` is a model folder (``python -m ldm prepare model``), which holds the first stage too.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from main import main  # noqa: E402

CONFIG = "configs/latent-diffusion/faces.yaml"


def command(argv: list[str] | None = None) -> list[str]:
    """The arguments of ``main.py`` that do the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="datasets/faces", help="a store: cmd/prepare_datasets.py makes it")
    parser.add_argument("--vae", help="without effect: the model folder holds the first stage")
    parser.add_argument("--unet", required=True, help="the model folder")
    parser.add_argument("--epochs", type=int, required=True, help="over the pictures, 16 a step")
    parser.add_argument("--name", required=True, help="of the run")
    parser.add_argument("--split", default="unet_train", help="of the store")
    given, more = parser.parse_known_args(argv)
    from ldm.data.store import PictureStore

    steps = given.epochs * -(-len(PictureStore(given.dataset).indices(given.split)) // 16)
    train = "data.params.train.params"
    return [
        "--base", str(ROOT / CONFIG), "-t", "-n", given.name, f"model.params.ckpt_path={given.unet}",
        f"{train}.pictures={given.dataset}", f"{train}.folder={given.dataset.rstrip('/')}_latents",
        f"{train}.split={given.split}", f"lightning.trainer.max_steps={steps}", *more,
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(command()))
