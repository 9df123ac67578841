"""face-diffusion's ``cmd/prepare_datasets.py``: its flags, told to ``python -m ldm prepare celeba``.

It downloaded CelebA; here the data set is given. Its split, 40 % VAE and 60 % UNet by 70/20/10, is ``--split legacy``,
by person. ``--n-threads`` did nothing there.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ldm.__main__ import main


def command(argv: list[str] | None = None) -> list[str]:
    """The arguments of ``python -m ldm`` that do the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--celeba", default="datasets/celeba", help="CelebA, which is not downloaded here")
    parser.add_argument("--out-dir", default="datasets", help="the store is made in OUT_DIR/faces")
    parser.add_argument("--seed", type=int, help="without effect: people are split by a hash of their name")
    parser.add_argument("--n-threads", type=int, default=16, help="without effect, as it was")
    parser.add_argument("--image-size", type=int, default=256)
    given = parser.parse_args(argv)
    out = str(Path(given.out_dir) / "faces")
    return ["prepare", "celeba", given.celeba, out, "--split", "legacy", "--size", str(given.image_size)]


if __name__ == "__main__":
    main(command())
