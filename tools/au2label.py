"""The old labelling tool: ``python tools/au2label.py all_imgs.txt OUT``: ``name:0,1,...`` lines to ``000001.txt``, ...

Numbers are those that ``tools/handle_images.py`` gave: where OUT has its ``sources.csv``, labels and pictures are
matched by name, otherwise names are counted in their order, and a list with a broken line is refused: every number
after it would be another picture's. ``--mode code|phrase|sentence`` writes other captions than the old ``AU_0``, ...
"""

import argparse
import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


SOURCES = "sources.csv"


def main() -> int:
    """The exit code: 0, or 1 where a label has no picture or a line is broken."""
    from ldm.data.action_units.captions import au_caption
    from ldm.data.action_units.facs import BP4D
    from ldm.data.action_units.sample import AuSample, Oddities, occurrence_of
    from ldm.files import write_text

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, help="the list, a line name:0,1,... with twelve values for each picture")
    parser.add_argument("out", type=Path, help="folder for the text files, normally that of the numbered pictures")
    parser.add_argument("--mode", choices=("index", "code", "phrase", "sentence"), default="index")
    given = parser.parse_args()
    odd, samples, broken = Oddities(), dict[str, AuSample](), f"broken row (name: and {len(BP4D)} values wanted)"
    for number, line in enumerate(given.labels.read_text(encoding="utf-8-sig").splitlines(), 1):
        name, colon, cells = line.strip().rpartition(":")
        values, where = cells.split(","), f"{given.labels}, line {number}"
        if not line.strip():
            continue
        if not colon or len(values) != len(BP4D):
            odd.add(broken, where)
            continue
        there = {unit: occurrence_of(cell, where, odd) for unit, cell in zip(BP4D, values, strict=True)}
        samples[name] = AuSample(Path(name), "", occurrence=there)
    if odd.counts[broken] and not (given.out / SOURCES).is_file():
        sys.stderr.write(f"odd: {odd.counts[broken]} x {broken}, first {odd.first[broken]}\n")
        sys.stderr.write(f"nothing was written: without {given.out / SOURCES} pictures are counted; mend the list\n")
        return 1
    numbers = numbers_of(given.out, sorted(samples))
    for name, sample in sorted(samples.items()):
        if name in numbers:
            write_text(given.out / f"{numbers[name]}.txt", au_caption(sample, given.mode, BP4D) + "\n")
        else:
            odd.add("label without picture", name)
    for name in sorted(numbers.keys() - samples.keys()):
        odd.add("picture without label", name)
    for line in odd.lines():
        sys.stderr.write(f"odd: {line}\n")
    sys.stdout.write(f"{len(numbers.keys() & samples.keys())} captions: {given.out}\n")
    return 1 if odd.counts else 0


def numbers_of(out: Path, names: list[str]) -> dict[str, str]:
    """The number of each picture, by the name of its photo; of names as they stand in the list."""
    sources = out / SOURCES
    if not sources.is_file():
        return {name: f"{number:06d}" for number, name in enumerate(names, 1)}
    with sources.open(encoding="utf-8", newline="") as file:
        cut = {row["source"]: row["number"] for row in csv.DictReader(file)}
    listed = {Path(name).stem: name for name in names}
    return {listed.get(Path(source).stem, source): number for source, number in cut.items()}


if __name__ == "__main__":
    sys.exit(main())
