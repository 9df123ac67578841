"""The old cropping tool: ``python tools/handle_images.py IN OUT --width 512 --height 512 [--png]``.

It cuts every photo in the middle. ``python -m ldm prepare crop`` is the same around the face.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    """Translate the old options."""
    from ldm.__main__ import main as ldm

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="IN", help="folder of photos; only read")
    parser.add_argument("out", metavar="OUT", help="folder for 000001.jpg, ...; added to, never wiped")
    parser.add_argument("--width", type=int, default=512, help="of a picture, in pixels (512)")
    parser.add_argument("--height", type=int, default=512, help="of a picture, in pixels (512)")
    parser.add_argument("--png", action="store_true", help="transparency becomes black instead of white")
    given = parser.parse_args()
    size = ["--width", str(given.width), "--height", str(given.height)]
    sys.argv[1:] = ["prepare", "crop", given.photos, given.out, "--center", *size, *(["--png"] if given.png else [])]
    ldm()


if __name__ == "__main__":
    main()
