import hashlib
import json
import logging
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from ldm.modules.names import NamesError, flat_column, names_hash, read_names, token_columns, tokenizer_id
from ldm.weights.compvis import LIKE_SD1
from tests.conftest import needs_shared


@pytest.fixture
def write(tmp_path: Path):
    def to_file(content: bytes) -> Path:
        path = tmp_path / "my names.txt"
        path.write_bytes(content)
        return path

    return to_file


def test_comments_blanks_windows_ends_and_byte_order_mark_go(write) -> None:
    path = write(
        b"\xef\xbb\xbf# people\r\nTom Hanks\r\n\r\n  Meryl   Streep\t# actor\r\n#Ada Lovelace\r\nC#x Sharp\r\n"
    )
    assert read_names(path) == ["C#x Sharp", "Meryl Streep", "Tom Hanks"]


def test_accents_have_one_spelling(write) -> None:
    path = write("Beyonc\u0065\u0301 Knowles\nBeyonc\u00e9 Knowles\n\u5468\u6770\u4f26\n".encode())
    assert read_names(path) == ["Beyonc\u00e9 Knowles", "\u5468\u6770\u4f26"]


def test_repeats_are_reported_and_count_once(write, caplog: pytest.LogCaptureFixture) -> None:
    path = write(b"Tom Hanks\nAda Lovelace\nTom Hanks\n")
    assert read_names(path) == ["Ada Lovelace", "Tom Hanks"]
    assert "1 repeated line(s) (Tom Hanks): each counts once" in caplog.text


def test_repeats_weigh_when_asked(write, caplog: pytest.LogCaptureFixture) -> None:
    path = write(b"Tom Hanks\nAda Lovelace\nTom Hanks\n")
    assert read_names(path, rm_repeats=False) == ["Ada Lovelace", "Tom Hanks", "Tom Hanks"]
    assert "each counts as often as it is listed" in caplog.text


def test_what_was_skipped_is_reported(write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="ldm.modules.names")
    read_names(write(b"# two\n\nTom Hanks\nAda Lovelace\n"))
    assert "2 names, 2 blank or comment lines" in caplog.text


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NamesError, match=r"nobody\.txt' is not there: celeb_txt takes a text file"):
        read_names(tmp_path / "nobody.txt")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only this\n"])
def test_empty_file_is_an_error(write, content: bytes) -> None:
    with pytest.raises(
        NamesError, match=r"my names\.txt' holds no name: \d line\(s\), all blank or comments; write one name a line"
    ):
        read_names(write(content))


def test_other_encodings_are_an_error(write) -> None:
    with pytest.raises(NamesError, match="is not UTF-8 text"):
        read_names(write("Tom Hanks".encode("utf-16")))


def test_columns_hold_pieces_in_name_order(clip: CLIPTokenizer) -> None:
    assert token_columns(["Anne Hathaway", "Barack Obama", "Elon Musk"], clip, 2) == [
        [4083, 22481, 20406],
        [31801, 4276, 19063],
    ]


def test_a_short_name_is_missing_from_later_columns(clip: CLIPTokenizer) -> None:
    assert token_columns(["Beyoncé", "Anne Hathaway", "Barack Obama"], clip, 2) == [[19219, 4083, 22481], [31801, 4276]]


def test_token_repeats_go_within_a_position(clip: CLIPTokenizer) -> None:
    names = ["Anne Hathaway", "Anne Obama", "Barack Obama", "Hathaway Anne"]
    assert token_columns(names, clip, 2)[0] == [4083, 4083, 22481, 31801]
    assert token_columns(names, clip, 2, rm_token_repeats=True) == [[4083, 22481, 31801], [31801, 4276, 4083]]


def test_flattened_column_holds_all_positions(clip: CLIPTokenizer) -> None:
    names = ["Anne Hathaway", "Barack Obama", "Hathaway"]
    assert flat_column(names, clip) == [4083, 22481, 31801, 31801, 4276]
    assert flat_column(names, clip, rm_token_repeats=True) == [4083, 22481, 31801, 4276]


@pytest.mark.parametrize("names", [["Anne", "Barack"], ["Anne Obama", "Barack Obama"]])
def test_fewer_than_two_tokens_at_a_position_is_an_error(clip: CLIPTokenizer, names: list[str]) -> None:
    with pytest.raises(NamesError, match=r"position 2 of 2 has [01] distinct token\(s\) among 2 name\(s\)"):
        token_columns(names, clip, 2)
    with pytest.raises(NamesError, match="needs at least two"):
        flat_column(["Anne"], clip)


def test_hashes_tell_lists_and_vocabularies_apart(clip: CLIPTokenizer, root: Path) -> None:
    assert names_hash(["a b", "c d"]) != names_hash(["a", "b c d"])
    before = tokenizer_id(clip)
    other = CLIPTokenizer.from_pretrained(root / "tests/golden/clip_words")
    assert tokenizer_id(other) == before
    other.add_tokens("<sks>")
    assert tokenizer_id(other) == before


def test_our_names_span_512_directions_at_both_positions(root: Path) -> None:
    golden = json.loads((root / "tests/golden/clip_names.json").read_text())["infer_images/names.txt"]
    names = read_names(root / "infer_images/names.txt")
    assert len(names) == golden["names"] >= 1000
    assert names_hash(names) == golden["names_hash"], "the list changed: run tests/golden/make_clip_golden.py"
    distinct = [column["distinct"] for column in golden["columns"][:2]]
    assert min(distinct) >= 513
    readme = (root / "infer_images/README.md").read_text(encoding="utf-8")
    assert all(f"{number:,}" in readme for number in (len(names), *distinct))


def test_our_names_are_listed_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_names(root / "infer_images/names.txt")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@needs_shared
def test_golden_columns_of_every_list_are_made_again(shared_data: Path, root: Path) -> None:
    golden = json.loads((root / "tests/golden/clip_names.json").read_text())
    tokenizer = CLIPTokenizer.from_pretrained(shared_data / "tokenizer")
    for name, entry in golden.items():
        path = root / name if name.startswith("infer") else shared_data / "names" / name
        names = read_names(path)
        assert (len(names), names_hash(names)) == (entry["names"], entry["names_hash"])
        columns = token_columns(names, tokenizer, len(entry["columns"]))
        assert [fingerprint(column) for column in columns] == [column["sha256"] for column in entry["columns"]]
        assert [len(set(column)) for column in columns] == [column["distinct"] for column in entry["columns"]]


def test_published_list_has_its_published_counts(root: Path) -> None:
    columns = json.loads((root / "tests/golden/clip_names.json").read_text())["wiki_names_v2.txt"]["columns"]
    assert [column["tokens"] for column in columns] == [646, 638, 311, 118, 25, 2]
    assert [column["distinct"] for column in columns] == [409, 542, 278, 106, 23, 2]
    assert [column["sha256"] for column in columns[:2]] == ["689ac22a50b0889c", "e53e4c82e088eb4c"]


def test_published_list_has_its_published_lengths_and_overlap(root: Path) -> None:
    """Celeb basis, numbers 5, 7 and 8, from the committed ids and the tokenizer that comes along."""
    golden = json.loads((root / "tests/golden/clip_names.json").read_text())
    counts = [column["tokens"] for column in golden["wiki_names_v2.txt"]["columns"]]
    assert [a - b for a, b in zip(counts, [*counts[1:], 0], strict=True)] == [8, 327, 193, 93, 23, 2]
    assert sum(counts) == 1740
    first, second = (column["ids"] for column in golden["wiki_names_v2.txt"]["columns"][:2])
    assert len(set(first) & set(second)) == 33
    assert (len(first) - 1, len(second) - 1) == (408, 541), "axes that a list can have at most"
    tokenizer = CLIPTokenizer.from_pretrained(LIKE_SD1 / "tokenizer")
    times = zip(
        tokenizer.convert_ids_to_tokens(first), golden["wiki_names_v2.txt"]["columns"][0]["counts"], strict=True
    )
    assert sum(count for token, count in times if not token.endswith("</w>")) == 75, "first tokens that are no word"
    for name, tokens, distinct in (("v1", [573, 569], [359, 484]), ("v0", [1347, 1160], [743, 917])):
        columns = golden[f"wiki_names_{name}.txt"]["columns"]
        assert [column["tokens"] for column in columns] == tokens
        assert [column["distinct"] for column in columns] == distinct


@needs_shared
def test_published_list_line_by_line(shared_data: Path) -> None:
    """Celeb basis, numbers 4, 6, 7 and 9."""
    path = shared_data / "names" / "wiki_names_v2.txt"
    assert hashlib.md5(path.read_bytes()).hexdigest() == "d7747b40dc026f155bfd1c74e2ae9d64"
    assert len(path.read_text(encoding="utf-8").splitlines()) == 691
    names, every = read_names(path), read_names(path, rm_repeats=False)
    assert (len(names), names[0], names[-1]) == (646, "Adam Sandler", "Zooey Deschanel")
    tokenizer = CLIPTokenizer.from_pretrained(LIKE_SD1 / "tokenizer")
    assert [len(column) for column in token_columns(every, tokenizer, 6)] == [691, 680, 314, 119, 25, 2]
    first, second = token_columns(names, tokenizer, 2)
    assert first[:5] == [4944, 4944, 4944, 21220, 13163]
    assert second[:5] == [2147, 11859, 3664, 689, 46440]
    short = [name for name in names if len(tokenizer(name, add_special_tokens=False)["input_ids"]) == 1]
    assert short == ["Adele", "Beyoncé", "Cher", "Drake", "Madonna", "Neymar", "Rihanna", "Rowling"]


@needs_shared
def test_1277_published_names_are_cut_as_published(shared_data: Path) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(shared_data / "tokenizer")
    lines = (shared_data / "names/token_len.txt").read_text(encoding="utf-8").splitlines()
    names, ids = zip(*((line[5:].rsplit(": len=", 1)[0], line.rsplit("token=", 1)[1]) for line in lines), strict=True)
    assert tokenizer(list(names), add_special_tokens=False)["input_ids"] == [json.loads(row) for row in ids]


def fingerprint(column: list[int]) -> str:
    return hashlib.sha256(",".join(map(str, column)).encode()).hexdigest()[:16]
