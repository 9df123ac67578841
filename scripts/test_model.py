"""The old test_model: ``python scripts/test_model.py [--prompts FILE] [--model MODEL] [--num 30] [--size 256]``.

Every prompt is drawn from the seeds 111, 222 and 333 on, into ``samples/{prompt}-{seed}/``. What it was given by
editing is an option here: the prompts (one a line), the folder by ``--out``; the others are translated by the table in
``old_drawing.py``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from translate import run

SEEDS = (111, 222, 333)
PROMPTS = (
    "Asian,female,close-up,whole-face,front-face,young,upper-lip-raiser",
    "Africa,male,close-up,whole-face,front-face,young,lip-corner-puller",
    "European,female,close-up,whole-face,front-face,young,inner-brow-raiser",
    "Hispanic,male,close-up,whole-face,front-face,young,cheek-raiser",
    "European,male,close-up,whole-face,front-face,young,lip-corner-depressor",
)
"""Its grammar: ethnicity, gender, four words on the view, one action unit's name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw all prompts from all seeds; the first exit code that is not 0."""
    from ldm.runs.draw import read_prompts
    from ldm.runs.png import file_stem

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1], allow_abbrev=False)
    parser.add_argument("--prompts", type=Path, help="a file with one prompt a line; default: one each of five faces")
    parser.add_argument("--out", type=Path, default=Path("samples"), help="where the folders go")
    given, rest = parser.parse_known_args(argv)
    codes = []
    for prompt in read_prompts(given.prompts) if given.prompts else PROMPTS:
        for seed in SEEDS:
            folder = given.out / f"{file_stem(prompt)}-{seed}"
            words = ["--prompt", prompt, "--seed", str(seed), "--out", str(folder), *rest]
            codes.append(run("test_model", words))
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
