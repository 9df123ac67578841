"""What users wrote about their pictures: ``metadata.jsonl``, text files beside them, or the file names."""

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

logger = logging.getLogger(__name__)

CaptionSource = Literal["auto", "prompt", "txt", "metadata", "filename"]

METADATA = "metadata.jsonl"
TEXT_KEYS = ("text", "caption", "prompt")
SIDECARS = ("{stem}.txt", "{stem}.caption", "{name}.txt")
"""Beside ``a.jpg``: ``a.txt``, ``a.caption``, ``a.jpg.txt``; the first that is there."""


class CaptionError(ValueError):
    """Captions that cannot be used; the message names the file, the line and the reason."""


def read_captions(folder: Path, pictures: Sequence[Path], source: CaptionSource = "auto") -> dict[Path, str]:
    """Captions of those of ``pictures`` that have one. What lacks or is odd is counted in a warning.

    Args:
        folder: where the pictures lie; ``metadata.jsonl`` lies in it, or beside the pictures.
        pictures: below ``folder``.
        source: ``auto`` takes metadata.jsonl where there is one, else text files where there are some, else nothing;
            ``prompt`` takes nothing: every picture gets the prompt.

    Raises:
        CaptionError: a file cannot be read; or the source named has no caption for any picture.
    """
    if source == "prompt":
        return {}
    if source == "filename":
        return {path: caption for path in pictures if (caption := of_name(path))}
    captions: dict[Path, str] = {}
    if source in ("auto", "metadata"):
        captions = _of_metadata(folder, pictures)
    if not captions and source in ("auto", "txt"):
        captions = _of_sidecars(pictures)
    if source != "auto" and not captions:
        wanted = METADATA if source == "metadata" else "a text file beside a picture"
        raise CaptionError(
            f"captions: {source}, but {folder} has no caption for any of its pictures: {wanted} is wanted"
        )
    if captions and (missing := [path for path in pictures if path not in captions]):
        logger.warning(
            "%s: %d of %d pictures have no caption of their own and get the prompt, first %s",
            folder, len(missing), len(pictures), missing[0].name,
        )  # fmt: skip
    return captions


def of_name(picture: Path) -> str:
    """The caption in a file's name: what follows an '@', else the stem, without numbers that only count copies.

    ``001@a photo of sks.jpg`` and ``a_photo_of_sks (3).jpg`` both say "a photo of sks"; ``0001.jpg`` says nothing.
    """
    _, at, caption = picture.stem.partition("@")
    words = re.sub(r"[\s_-]*\([0-9]+\)$|[\s_-]+[0-9]+$|^[0-9]+$", "", (caption if at else picture.stem).strip())
    return words.strip() if at else " ".join(words.replace("_", " ").split())


def _of_sidecars(pictures: Sequence[Path]) -> dict[Path, str]:
    captions, empty = {}, []
    for picture in pictures:
        names = [name.format(stem=picture.stem, name=picture.name) for name in SIDECARS]
        file = next((path for name in names if (path := picture.with_name(name)).is_file()), None)
        if file is None:
            continue
        if caption := " ".join(_text(file).split()):
            captions[picture] = caption
        else:
            empty.append(file)
    if empty:
        logger.warning("%d caption files are empty and count as none, first %s", len(empty), empty[0])
    return captions


def _of_metadata(folder: Path, pictures: Sequence[Path]) -> dict[Path, str]:
    """Captions by the ``metadata.jsonl`` in ``folder`` and in the pictures' own folders."""
    captions: dict[Path, str] = {}
    wanted = {path.resolve(): path for path in pictures}
    for place in dict.fromkeys((folder, *(path.parent for path in pictures))):
        if not (file := place / METADATA).is_file():
            continue
        rows = [(number, _row(file, number, line)) for number, line in enumerate(_text(file).splitlines(), 1) if line]
        for name, times in Counter(name for _, (name, _) in rows).items():
            if times > 1:
                logger.warning("%s: %s has %d rows; the last one counts", file, name, times)
        absent = [name for _, (name, _) in rows if (place / name).resolve() not in wanted]
        if absent:
            logger.warning("%s: %d rows name no picture that is here, first %s", file, len(absent), absent[0])
        found = {(place / name).resolve(): text for _, (name, text) in rows}
        captions |= {wanted[path]: text for path, text in found.items() if path in wanted and text}
    return captions


def _row(file: Path, number: int, line: str) -> tuple[str, str]:
    """File name and caption of a line of ``metadata.jsonl``."""
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise CaptionError(f"{file}, line {number}: {error}") from error
    text = next((row[key] for key in TEXT_KEYS if key in row), None) if isinstance(row, dict) else None
    if not isinstance(text, str) or not isinstance(row.get("file_name"), str):
        raise CaptionError(
            f"{file}, line {number}: {line.strip()[:60]!r} given, a row like "
            '{"file_name": "a.jpg", "text": "a photo of sks person"} wanted'
        )
    return row["file_name"], " ".join(text.split())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CaptionError(f"{file} is not UTF-8 text ({error.reason} at byte {error.start})") from error
