"""A checkpoint without what only its training needed; scripts/old_converting.py says what its options are today."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "scripts")]

if __name__ == "__main__":
    from old_converting import with_names
    from translate import run

    sys.exit(run("ckpt_prune", with_names("ckpt_prune", sys.argv[1:])))
