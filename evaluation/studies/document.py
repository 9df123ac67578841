"""Put measured numbers into docs/measurements.md, one section a study."""

import re
from collections.abc import Sequence
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
