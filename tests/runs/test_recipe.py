"""The recipe of the embedded model: who is listed, which words are tokens, which face of a picture counts."""

from pathlib import Path

import numpy as np
import pytest

from ldm.data.store import PictureStore, write_store
from ldm.runs import recipe


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    """Ann Lee with five training pictures, Bob Ray with two, Cy Lee kept out, Zoe alone, one described picture."""
    names = ["Ann Lee"] * 5 + ["Bob Ray"] * 2 + ["Zoe"] * 5
    rows = [{"file": f"{i}.jpg", "source": "lfw", "split": "train", "name": name} for i, name in enumerate(names)]
    rows.append({"file": "k.jpg", "source": "lfw", "split": "held_out", "name": "Cy Lee"})
    rows.append({"file": "c.jpg", "source": "celeba", "split": "train", "attributes": ["Male"]})
    write_store(tmp_path / "store", ((np.zeros((8, 8, 3), np.uint8), row) for row in rows), {})
    return PictureStore(tmp_path / "store")


def test_only_names_whose_words_were_seen_often_are_listed(store: PictureStore) -> None:
    assert recipe.known_names(store) == ["Ann Lee"], "Bob Ray is too rare, Zoe has one word, Cy Lee was never trained"


def test_people_kept_out_are_listed(store: PictureStore) -> None:
    assert recipe.held_out_names(store) == ["Cy Lee"]


def test_words_that_become_tokens(store: PictureStore) -> None:
    words = recipe.vocabulary(store, ["beach", "well-known"])
    assert words[0] == "beach"
    assert {"photo", "sks", "ks", "ann", "bob", "ray"} <= set(words)
    assert not {"cy", "well-known"} & set(words), "kept out, and no single word"
    assert len(words) == len(set(words))


def test_a_list_of_words_has_comments(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# not these\nA b\nc\n", encoding="utf-8")
    assert recipe.read_words(tmp_path / "words.txt") == ["a", "b", "c"]
