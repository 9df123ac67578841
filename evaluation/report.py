"""A report: tables and pictures as one HTML page that opens from disk, and the same as JSON and CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.page import data_uri, figure, grid, notice, png_uri, section, table, write_page
from ldm.files import atomic_path, write_json, write_text

SCRIPT = Path(__file__).with_name("report.js")
THUMB_PX = 160
"""Pictures on a page are shown at most this large, so that a thousand of them make a page of some megabytes."""

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Numbers with a heading.

    Attributes:
        title: the heading, and the name of the CSV file.
        columns: names; the first column is text.
        rows: as many cells each; None is shown as a dash.
        note: what the numbers are, in words.
        pictures: a picture for each row, shown in front of it, or nothing.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    pictures: Sequence[Path] = ()


@dataclass(frozen=True)
class Shown:
    """A picture with words below, in a coloured frame if ``kind`` is good, fair or bad."""

    picture: Path | Image.Image
    caption: str
    kind: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side under a heading."""

    title: str
    shown: Sequence[Shown]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """A drawing under a heading, shown as wide as the page.

    Attributes:
        title: the heading, and the name of the PNG file beside the page.
        content: the bytes of a PNG file.
        note: what is drawn, in words.
    """

    title: str
    content: bytes
    note: str = ""


@dataclass(frozen=True)
class Report:
    """All that one evaluation found.

    Attributes:
        title: of the page.
        lead: one sentence: what was looked at.
        notices: what must not be overlooked.
        parts: tables, galleries and plots in the order of the page.
        settings: whatever is needed to read the numbers or get them again.
        values: more for the JSON file, under these names.
    """

    title: str
    lead: str
    notices: Sequence[str]
    parts: Sequence[Table | Gallery | Plot]
    settings: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)

    def tables(self) -> list[Table]:
        """The tables alone."""
        return [part for part in self.parts if isinstance(part, Table)]

    def galleries(self) -> list[Gallery]:
        """The galleries alone."""
        return [part for part in self.parts if isinstance(part, Gallery)]


def write_report(folder: Path, report: Report) -> Path:
    """Write ``report.html``, ``report.json``, a CSV file for each table and each plot into ``folder``; the page."""
    for one in report.tables():
        write_text(folder / f"{file_name(one.title)}.csv", as_csv(one))
    for plot in (part for part in report.parts if isinstance(part, Plot)):
        with atomic_path(folder / f"{file_name(plot.title)}.png") as temporary:
            temporary.write_bytes(plot.content)
    write_json(folder / "report.json", as_json(report))
    page = folder / "report.html"
    write_page(page, report.title, _body(report))
    return page


def file_name(title: str) -> str:
    """A heading as the name of a file."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def as_csv(one: Table) -> str:
    """A table as CSV; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(one.columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in one.rows])
    return text.getvalue()


def as_json(report: Report) -> dict[str, Any]:
    """The report's numbers: tables as lists of objects, settings, notices, and its own values."""
    tables = {
        file_name(one.title): [dict(zip(one.columns, map(rounded, row), strict=True)) for row in one.rows]
        for one in report.tables()
    }
    whole = {
        "title": report.title,
        "notices": list(report.notices),
        "tables": tables,
        "settings": dict(report.settings),
        **report.values,
    }
    json.dumps(whole, allow_nan=False)  # a number that is none must not slip through
    return whole


def rounded(cell: Cell) -> Cell:
    """A cell with at most five decimals."""
    return round(cell, 5) if isinstance(cell, float) else cell


def _body(report: Report) -> list[str]:
    """The parts of the page."""
    head = f'<header><h1>{escape(report.title)}</h1>\n<p class="lead">{escape(report.lead)}</p>'
    parts = [head + "".join(notice(text) for text in report.notices) + "</header>"]
    for part in report.parts:
        if isinstance(part, Table):
            parts.append(section(part.title, _sortable(part), note=part.note))
        elif isinstance(part, Plot):
            parts.append(section(part.title, figure(png_uri(part.content), part.title, kind="curve"), note=part.note))
        else:
            parts.append(section(part.title, grid([_figure(one) for one in part.shown]), note=part.note))
    rows = [[key, _said(value)] for key, value in report.settings.items()]
    parts.append(section("Settings", f'<div class="settings">{table(["", ""], rows)}</div>'))
    parts.append(f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>")
    return parts


def _sortable(one: Table) -> str:
    """A table that the page's script sorts and filters."""
    pictures: Sequence[Path | None] = one.pictures or [None] * len(one.rows)
    head = ("<th></th>" if one.pictures else "") + "".join(
        f'<th scope="col"><button type="button">{escape(name)}</button></th>' for name in one.columns
    )
    body = "\n".join(_row(row, picture) for row, picture in zip(one.rows, pictures, strict=True))
    hint = '<input type="search" class="filter" placeholder="filter rows" aria-label="filter rows">'
    count = '<span class="count"></span>'
    return (
        f'<div class="tools">{hint}{count}</div><div class="wide"><table class="sortable">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(row: Sequence[Cell], picture: Path | None) -> str:
    first = f'<td class="thumb">{_image(picture, str(row[0]))}</td>' if picture is not None else ""
    cells = []
    for place, cell in enumerate(row):
        value = "" if cell is None else escape(str(cell), quote=True)
        tag = 'th scope="row"' if place == 0 else "td"
        cells.append(f'<{tag} data-value="{value}">{escape(shown(cell))}</{tag.split()[0]}>')
    return f"<tr>{first}{''.join(cells)}</tr>"


def shown(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return (f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.3f}").replace("-", "−")
    return str(cell)


def _figure(one: Shown) -> str:
    css = f' class="{escape(one.kind)}"' if one.kind else ""
    return f"<figure{css}>{_image(one.picture, one.caption)}<figcaption>{escape(one.caption)}</figcaption></figure>"


def _image(picture: Path | Image.Image, words: str) -> str:
    image = thumbnail(picture)
    return f'<img src="{data_uri(image, lossy=True)}" alt="{escape(words, quote=True)}">'


def thumbnail(picture: Path | Image.Image) -> Image.Image:
    """A small copy for the page; a grey field where a file cannot be read."""
    from ldm.faces.photos import PhotoError, read_photo

    try:
        image = read_photo(picture) if isinstance(picture, Path) else picture.convert("RGB")
    except PhotoError:
        return Image.fromarray(np.full((THUMB_PX, THUMB_PX, 3), 128, np.uint8))
    image.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.LANCZOS)
    return image


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return " · ".join(f"{key} {_said(one)}" for key, one in value.items())
    return " · ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
