"""A report as one HTML page that opens from disk: style and pictures are inside it."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image

from ldm.files import write_text

STYLE = Path(__file__).with_name("style.css")


def write_page(path: Path, title: str, body: Sequence[str]) -> None:
    """Write a page with the parts ``body`` (HTML) to ``path``, atomically."""
    style = STYLE.read_text(encoding="utf-8")
    write_text(
        path,
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
{chr(10).join(body)}
</main>
</body>
</html>
""",
    )


def section(title: str, *parts: str, note: str = "") -> str:
    """A headed part of the page; ``note`` is a line of plain text under the heading."""
    said = f'<p class="note">{escape(note)}</p>\n' if note else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{said}{chr(10).join(parts)}\n</section>"


def data_uri(image: Image.Image, lossy: bool = False) -> str:
    """``image`` as a data URI: PNG, or JPEG for large photos."""
    buffer = io.BytesIO()
    if lossy:
        image.convert("RGB").save(buffer, "JPEG", quality=88)
    else:
        image.save(buffer, "PNG", optimize=True)
    return png_uri(buffer.getvalue(), "jpeg" if lossy else "png")


def png_uri(content: bytes, kind: str = "png") -> str:
    """The bytes of a picture file as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def figure(uri: str, alt: str, caption: str = "", kind: str = "") -> str:
    """A picture with a caption below; ``kind`` is a CSS class."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    css = f' class="{escape(kind)}"' if kind else ""
    return f'<figure{css}><img src="{uri}" alt="{escape(alt)}">{below}</figure>'


def grid(cells: Sequence[str], title: str = "") -> str:
    """Figures side by side, as many as fit; ``title`` above is a prompt, shown as code."""
    head = f"<h3><code>{escape(title)}</code></h3>\n" if title else ""
    return f'{head}<div class="grid">\n{chr(10).join(cells)}\n</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text; the first column is a heading, the others are aligned as numbers."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = [
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def notice(text: str) -> str:
    """A remark that must not be overlooked."""
    return f'<p class="notice">{escape(text)}</p>'
