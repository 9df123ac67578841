"""Makes the golden files of the CLIP tokenizer, from its full vocabulary (vocab.json and merges.txt).

    python tests/golden/make_clip_golden.py TOKENIZER_FOLDER [NAMES.txt ...]

``clip_words/``: the part of the vocabulary that the words below need, with the ids of the whole one. It cuts these
words as the whole one does: of the merges that fit, the first in rank is taken, and that one is always here.
``clip_names.json``: for infer_images/names.txt and each list given, how many tokens stand at each position, how many
distinct ones, and hashes. Of the published list (wiki_names_v2.txt, which is not part of this repository) it also has
the token ids with their counts, which is all that the rank of its basis depends on.
"""

import hashlib
import json
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

from ldm.modules.names import names_hash, read_names, token_columns

HERE = Path(__file__).parent
POSITIONS = 6
TEXT = """
sks ks ata tre ry bop rn & * ` flasks kiosks treks husks tusks asks skis masks dowry bebop beyoncé adele cher 123
face faces person people photo picture portrait a an the of and with in on at is are it his her man woman dog cat
anne hathaway barack obama elon musk tom hanks ada lovelace zoe saldana meryl streep zooey deschanel adam sandler
enjoy delicate candlelight dinner playing guitar eats bread front eiffel tower cooking together kitchen very long
smiling wearing red hat glasses park city street painting oil 's , . - < > ( ) [ ] _ 1 2 shaking hands next to beside
"""
WORDS = TEXT.split()


def main(folder: Path, lists: list[Path]) -> None:
    """Write both golden files."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    write_words(folder, HERE / "clip_words")
    golden = {"infer_images/names.txt": describe(tokenizer, HERE.parents[1] / "infer_images/names.txt", ids=False)}
    golden |= {path.name: describe(tokenizer, path, ids=path.name == "wiki_names_v2.txt") for path in lists}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in golden.items())
    (HERE / "clip_names.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def describe(tokenizer: CLIPTokenizer, path: Path, ids: bool) -> dict[str, object]:
    """Counts and hashes of a names file's columns; ``ids`` adds the ids of the first two, with counts."""
    names = read_names(path)
    columns = []
    for column in token_columns(names, tokenizer, POSITIONS if ids else 2):
        digest = hashlib.sha256(",".join(map(str, column)).encode()).hexdigest()[:16]
        columns.append({"tokens": len(column), "distinct": len(set(column)), "sha256": digest})
    if ids:
        for entry, column in zip(columns[:2], token_columns(names, tokenizer, 2), strict=True):
            counts = sorted(Counter(column).items())
            entry["ids"], entry["counts"] = [i for i, _ in counts], [n for _, n in counts]
    return {"names": len(names), "names_hash": names_hash(names), "columns": columns}


def write_words(folder: Path, out: Path) -> None:
    """The merges that WORDS need, and the tokens that they make."""
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    rank = {tuple(line.split()): i for i, line in enumerate(lines[1:]) if line}
    letters = [token for token, index in vocabulary.items() if index < 512]  # 256 bytes, alone and ending a word
    to_byte = byte_letters()
    used = {merge for word in WORDS for merge in merges_of([to_byte[b] for b in word.encode()], rank)}
    tokens = letters + ["".join(merge) for merge in used] + ["<|startoftext|>", "<|endoftext|>"]
    out.mkdir(exist_ok=True)
    small = {token: vocabulary[token] for token in sorted(set(tokens), key=vocabulary.get)}
    (out / "vocab.json").write_text(json.dumps(small, ensure_ascii=False), encoding="utf-8")
    kept = [" ".join(merge) for merge in sorted(used, key=rank.get)]
    (out / "merges.txt").write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")
    (out / "tokenizer_config.json").write_text((folder / "tokenizer_config.json").read_text(encoding="utf-8"))


def byte_letters() -> list[str]:
    """The printable letter that stands for each byte: itself if printable, otherwise the next free one from 256."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    free = iter(range(256, 512))
    return [chr(byte if byte in printable else next(free)) for byte in range(256)]


def merges_of(letters: list[str], rank: dict[tuple[str, ...], int]) -> list[tuple[str, ...]]:
    """The merges by which byte pair encoding joins a word, in order."""
    pieces = [*letters[:-1], letters[-1] + "</w>"]
    done = []
    while pairs := [pair for pair in pairwise(pieces) if pair in rank]:
        best = min(pairs, key=rank.__getitem__)
        done.append(best)
        i = 0
        while i < len(pieces) - 1:
            if (pieces[i], pieces[i + 1]) == best:
                pieces[i : i + 2] = ["".join(best)]
            i += 1
    return done


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
