"""The names whose token vectors span the celeb basis: a text file in, token ids by position out."""

import hashlib
import json
import logging
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

logger = logging.getLogger(__name__)

_COMMENT = re.compile(r"(?:^|\s)#.*")


class NamesError(ValueError):
    """A names file that no basis can be made from."""


def read_names(path: Path | str, rm_repeats: bool = True) -> list[str]:
    """The names of a text file, one a line, sorted by code point as the published code sorts them.

    A byte order mark, Windows line ends, blank lines, comments ('#' at the start or after a space) and repeated
    spaces are taken out; accents are composed (NFC), so that one name has one spelling.

    Args:
        path: a UTF-8 text file.
        rm_repeats: keep a name once, however often it is listed; otherwise it weighs as often as it is listed.

    Raises:
        NamesError: the file is missing, is no UTF-8 text, or holds no name.
    """
    path = Path(path)
    if not path.is_file():
        raise NamesError(f"names file {str(path)!r} is not there: celeb_txt takes a text file with one name a line")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NamesError(
            f"names file {path.name!r} is not UTF-8 text ({error.reason} at byte {error.start})"
        ) from error
    lines = text.splitlines()
    names = [name for line in lines if (name := " ".join(unicodedata.normalize("NFC", _COMMENT.sub("", line)).split()))]
    if not names:
        raise NamesError(
            f"names file {path.name!r} holds no name: {len(lines)} line(s), all blank or comments; "
            "write one name a line"
        )
    unique = set(names)
    repeats = len(names) - len(unique)
    logger.info("%s: %d names, %d blank or comment lines", path.name, len(names), len(lines) - len(names))
    if repeats:
        outcome = "each counts once" if rm_repeats else "each counts as often as it is listed (rm_repeats: false)"
        listed = sorted(name for name in unique if names.count(name) > 1)
        shown = ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
        logger.warning("%s: %d repeated line(s) (%s): %s", path.name, repeats, shown, outcome)
    return sorted(unique) if rm_repeats else sorted(names)


def token_columns(
    names: Sequence[str], tokenizer: "CLIPTokenizer", num_positions: int, rm_token_repeats: bool = False
) -> list[list[int]]:
    """For each position j the j-th token id of every name that has one, in the order of the names.

    A token is a piece of the tokenizer, not a word: "Zoe Saldana" has three. The published code collects with
    repeats, which weights the basis by frequency; ``rm_token_repeats`` keeps the first of each.

    Raises:
        NamesError: a position has fewer than two distinct tokens.
    """
    ids = _token_ids(names, tokenizer)
    columns = [[name[j] for name in ids if len(name) > j] for j in range(num_positions)]
    if rm_token_repeats:
        columns = [list(dict.fromkeys(column)) for column in columns]
    for j, column in enumerate(columns):
        if len(set(column)) < 2:
            raise NamesError(
                f"position {j + 1} of {num_positions} has {len(set(column))} distinct token(s) among {len(names)} "
                f"name(s), but a basis needs at least two: list names of {num_positions} or more words"
            )
    return columns


def flat_column(names: Sequence[str], tokenizer: "CLIPTokenizer", rm_token_repeats: bool = False) -> list[int]:
    """All token ids of all names in one list, position after position: the one column of ``use_flatten``.

    Raises:
        NamesError: fewer than two distinct tokens.
    """
    ids = _token_ids(names, tokenizer)
    longest = max(map(len, ids), default=0)
    column = [name[j] for j in range(longest) for name in ids if len(name) > j]
    if rm_token_repeats:
        column = list(dict.fromkeys(column))
    if len(set(column)) < 2:
        raise NamesError(f"{len(names)} name(s) have {len(set(column))} distinct token(s); a basis needs at least two")
    return column


def names_hash(names: Sequence[str]) -> str:
    """16 hex digits that stand for this list of names in this order."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def tokenizer_id(tokenizer: "CLIPTokenizer") -> str:
    """16 hex digits that stand for the tokenizer's vocabulary; tokens added later do not count."""
    added = tokenizer.get_added_vocab()
    vocabulary = sorted((index, token) for token, index in tokenizer.get_vocab().items() if token not in added)
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()[:16]


def _token_ids(names: Sequence[str], tokenizer: "CLIPTokenizer") -> list[list[int]]:
    """The word tokens of each name, without begin, end and padding."""
    special = set(tokenizer.all_special_ids)
    encoded = tokenizer(list(names), add_special_tokens=False)["input_ids"] if names else []
    return [[token for token in ids if token not in special] for ids in encoded]
