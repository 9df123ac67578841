"""The model that comes along: its words, its list of names, and the people who stay out of both."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from transformers import CLIPTokenizer

from ldm.data.splits import HELD_OUT_PEOPLE, held_out_people, lfw_splits
from ldm.data.vocabulary import words_of
from ldm.modules.names import read_names
from ldm.runs.recipe import LISTED_FROM
from tests.conftest import needs_shared


@pytest.fixture(scope="module")
def embedded(root: Path) -> Path:
    return root / "weights" / "embedded"


@pytest.fixture(scope="module")
def tokenizer(embedded: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(embedded / "tokenizer")


@pytest.fixture(scope="module")
def names(root: Path) -> list[str]:
    return read_names(root / "infer_images/names_embedded.txt")


@pytest.fixture(scope="module")
def held_out(root: Path) -> list[str]:
    return read_names(root / "configs/embedded/held_out_people.txt")


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[tuple[str, str]]:
    """Folder (First_Last) and file of every picture of LFW."""
    return sorted((path.parent.name, path.name) for path in (shared_data / "lfw").glob("*/*.jpg"))


def is_one_token(tokenizer: CLIPTokenizer, word: str) -> bool:
    return len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1


def test_placeholders_and_words_of_listed_names_are_single_tokens(
    root: Path, tokenizer: CLIPTokenizer, names: list[str]
) -> None:
    config = yaml.safe_load((root / "configs/stable-diffusion/celeb_basis.yaml").read_text())
    placeholders = config["model"]["params"]["personalization_config"]["params"]["placeholder_strings"]
    words = {word for name in names for word in words_of(name)}
    assert [word for word in [*placeholders, *sorted(words)] if not is_one_token(tokenizer, word)] == []
    assert set(tokenizer.get_added_vocab()) == {tokenizer.bos_token, tokenizer.eos_token}


def test_begin_and_end_are_those_of_the_text_encoder(embedded: Path, tokenizer: CLIPTokenizer) -> None:
    config = json.loads((embedded / "text_encoder/config.json").read_text())
    ids = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == ids
    assert config["vocab_size"] == len(tokenizer)
    assert {path.name for path in (embedded / "tokenizer").iterdir()} >= {"vocab.json", "merges.txt", "tokenizer.json"}


def test_a_hundred_people_are_kept_out_of_the_list_of_names(names: list[str], held_out: list[str]) -> None:
    assert len(held_out) == HELD_OUT_PEOPLE == 100
    assert set(held_out) & set(names) == set()


@needs_shared
def test_they_are_chosen_by_the_hash_and_their_own_words_are_unknown(
    pictures: list[tuple[str, str]], held_out: list[str], tokenizer: CLIPTokenizer
) -> None:
    people = [person for person, _ in pictures]
    chosen = held_out_people(people)
    assert [person.replace("_", " ") for person in chosen] == held_out
    assert all(4 <= people.count(person) <= 19 for person in chosen)
    trained = {word for person in set(people) - set(chosen) for word in words_of(person.replace("_", " "))}
    own = {word for person in held_out for word in words_of(person)} - trained
    assert len(own) > 50
    assert sorted(word for word in own if is_one_token(tokenizer, word)) == []


@needs_shared
def test_every_word_of_a_training_person_is_a_single_token(
    pictures: list[tuple[str, str]], held_out: list[str], tokenizer: CLIPTokenizer
) -> None:
    people = {person.replace("_", " ") for person, _ in pictures} - set(held_out)
    words = {word for person in people for word in words_of(person)}
    assert len(words) > 6000
    assert sorted(word for word in words if not is_one_token(tokenizer, word)) == []


@needs_shared
def test_every_word_of_the_list_was_seen_in_five_training_pictures(
    pictures: list[tuple[str, str]], names: list[str]
) -> None:
    splits = lfw_splits([person for person, _ in pictures], [file for _, file in pictures])
    trained = [
        person.replace("_", " ") for (person, _), split in zip(pictures, splits, strict=True) if split == "train"
    ]
    seen = Counter(word for person in trained for word in set(words_of(person)))
    assert set(names) <= set(trained)
    assert [name for name in names if any(seen[word] < LISTED_FROM for word in words_of(name))] == []
