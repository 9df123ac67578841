"""A CLIP tokenizer in which chosen words are single tokens."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.files import write_json, write_text

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

END_OF_WORD = "</w>"
BEGIN, END = "<|startoftext|>", "<|endoftext|>"

# CLIP's own cut of a lower-case text into words: runs of letters, single digits, runs of anything else.
_WORD = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_", re.UNICODE)


def words_of(text: str) -> list[str]:
    """The words CLIP cuts ``text`` into before it looks for pieces: "Jean-Luc" is three."""
    return _WORD.findall(text.lower())


def byte_table() -> dict[int, str]:
    """The character that stands for each byte (GPT-2's table): printable ones for themselves, others shifted up."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


_BYTES = byte_table()


def single_token_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Merge rules, in order of rank, by which each of ``words`` becomes one piece.

    After every new rule the word is cut again by all rules so far: a rule's result also has to survive the rules
    that rank before it, which is what a plain left-to-right chain of merges gets wrong.
    """
    ranks: dict[tuple[str, str], int] = {}
    for word in words:
        while len(pieces := _pieces(word, ranks)) > 1:
            ranks[pieces[0], pieces[1]] = len(ranks)
    return list(ranks)


def _pieces(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """Byte pair encoding of one word: the applicable rule of lowest rank first."""
    characters = [_BYTES[byte] for byte in word.encode("utf-8")]
    pieces = [*characters[:-1], characters[-1] + END_OF_WORD]
    while True:
        pairs = [(ranks[pair], i) for i, pair in enumerate(pairwise(pieces)) if pair in ranks]
        if not pairs:
            return pieces
        first, second = pieces[(at := min(pairs)[1])], pieces[at + 1]
        merged: list[str] = []
        i = 0
        while i < len(pieces):  # every occurrence of the pair, from the left
            both = i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == (first, second)
            merged.append(first + second if both else pieces[i])
            i += 2 if both else 1
        pieces = merged


def write_tokenizer(folder: Path, words: Sequence[str], max_length: int) -> "CLIPTokenizer":
    """Write a CLIP tokenizer folder (vocab.json, merges.txt, tokenizer.json, configs) and give it back loaded.

    Args:
        folder: where to.
        words: lower-case words that shall be one token each, the most important first.
        max_length: prompt length L, begin and end included.

    Raises:
        ValueError: one of ``words`` is cut into several by CLIP's rules (a hyphen, a digit), so it can be no token.
    """
    from transformers import CLIPTokenizer

    if several := [word for word in words if words_of(word) != [word]]:
        raise ValueError(f"not single words to CLIP: {', '.join(map(repr, several[:5]))} ({len(several)} in all)")
    merges = single_token_merges(words)
    alphabet = list(_BYTES.values())
    pieces = [*alphabet, *(char + END_OF_WORD for char in alphabet), *dict.fromkeys(a + b for a, b in merges)]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, BEGIN, END])}
    write_json(folder / "vocab.json", vocabulary)
    write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *(f"{a} {b}" for a, b in merges)]) + "\n")
    options = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": max_length,
        "bos_token": BEGIN,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
        "do_lower_case": True,
    }
    write_text(folder / "tokenizer_config.json", json.dumps(options, indent=2) + "\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if not (folder / "vocab.json").is_file():  # transformers 5 saves tokenizer.json only
        write_json(folder / "vocab.json", vocabulary)
    return tokenizer
