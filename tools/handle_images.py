"""Photos cut to one size in the middle; scripts/old_data.py says what its options are today."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "scripts")]

if __name__ == "__main__":
    from old_converting import with_names
    from translate import run

    sys.exit(run("handle_images", with_names("handle_images", sys.argv[1:])))
