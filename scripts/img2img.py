"""The old img2img: ``python scripts/img2img.py -i ME.jpg -p "a photo of sks" [-s 0.75]``.

Its options are translated by the table in ``old_drawing.py``; ``--help`` lists them.
"""

import sys

from translate import run

if __name__ == "__main__":
    sys.exit(run("img2img"))
