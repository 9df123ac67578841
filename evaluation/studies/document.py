"""Put measured numbers into docs/measurements.md, one section a study."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ldm.files import write_text

MEASUREMENTS = Path(__file__).resolve().parents[2] / "docs" / "measurements.md"

HEAD = """# Measurements

Numbers measured on this code, met or not. Each section is written by the script that it names; what a script did not
write is not a measurement.
"""


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is left-aligned, the others right-aligned."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def without_folders(judge: str) -> str:
    """A judge as a page names it: ``NET.onnx:imagenet``, wherever the file lies on this machine."""
    return judge.replace("\\", "/").rpartition("/")[2]


def typed(options: Mapping[str, object]) -> list[str]:
    """Options as they are typed: an underscore is a dash, None is left out, a list is given once each."""
    words = []
    for name, value in options.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            said = f"{one:g}" if isinstance(one, float) else shlex.quote(str(one))
            words += [] if one is None else [f"--{name.replace('_', '-')} {said}"]
    return words


def replace_section(title: str, body: str, path: Path = MEASUREMENTS) -> None:
    """Write ``body`` under ``## title``; an older section of that title is replaced in its place, others stay."""
    text = path.read_text(encoding="utf-8") if path.is_file() else HEAD
    section = f"## {title}\n\n{body.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda found: section + ("\n" if found.end() < len(text) else ""), text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    write_text(path, text)
