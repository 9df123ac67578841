"""The old txt2img: ``python scripts/txt2img.py -p "a photo of sks" -v 4 [-c CHECKPOINT or FOLDER]``.

Its options are translated by the table in ``old_drawing.py``; ``--help`` lists them.
"""

import sys

from translate import run

if __name__ == "__main__":
    sys.exit(run("txt2img"))
