"""The old DreamBooth: ``python scripts/dreambooth.py -c "water bottle" -i PHOTOS -s 200 -l 1.5 --iterations 3000``.

Its options are translated by the table in ``old_training.py``; ``--help`` lists them.
"""

import sys

from translate import run

if __name__ == "__main__":
    sys.exit(run("dreambooth"))
