import logging
from pathlib import Path

import pytest
import torch
from transformers import CLIPTokenizer

from ldm.batch import Tokens
from ldm.modules.placeholders import (
    PlaceholderError,
    Placeholders,
    PromptTooLongError,
    expand,
    find_people,
    replace_slots,
    tokenize,
)
from tests.conftest import needs_shared

CANDLELIGHT = "a sks person and a ks person enjoy a delicate candlelight dinner"


@pytest.fixture(scope="module")
def words(clip: CLIPTokenizer) -> Placeholders:
    return Placeholders(clip, ["sks", "ks", "ata", "tre", "ry", "bop", "rn", "&", "*", "`"])


def expanded(words: Placeholders, prompt: str, num_vectors: int = 2) -> Tokens:
    return words.expand(
        Tokens(ids := tokenize(words.tokenizer, [prompt], 77), torch.full_like(ids, -1)), num_vectors, 77
    )


def where(words: Placeholders, prompt: str, person: int, num_vectors: int = 2) -> list[int]:
    slots = expanded(words, prompt, num_vectors).slots[0]
    return ((slots >= 0) & (slots // num_vectors == person)).nonzero().flatten().tolist()


def test_published_ids(words: Placeholders) -> None:
    assert words.ids == (48136, 662, 4236, 6033, 913, 19720, 7666, 261, 265, 319)


def test_published_caption(words: Placeholders, clip: CLIPTokenizer) -> None:
    ids = tokenize(clip, ["a photo of a face of sks person"], 77)
    assert ids[0, :10].tolist() == [49406, 320, 1125, 539, 320, 1710, 539, 48136, 2533, 49407]
    assert ids.shape == (1, 77)
    assert (ids[0, 9:] == 49407).all()


def test_published_placements(words: Placeholders) -> None:
    assert where(words, CANDLELIGHT, 0) == [2, 3]
    assert where(words, CANDLELIGHT, 1) == [7, 8]
    assert where(words, "a photo of a sks person", 0) == [5, 6]


def test_slots_count_through_a_persons_vectors(words: Placeholders) -> None:
    slots = expanded(words, CANDLELIGHT, 3).slots[0]
    assert slots[:14].tolist() == [-1, -1, 0, 1, 2, -1, -1, -1, 3, 4, 5, -1, -1, -1]


@pytest.mark.parametrize("num_vectors", [1, 2, 3])
@pytest.mark.parametrize("prompt", [CANDLELIGHT, "sks", "ks and sks and ks ks", "ata beside sks, sks with rn"])
def test_blocks_start_where_the_published_code_puts_them(words: Placeholders, prompt: str, num_vectors: int) -> None:
    people = words.people(tokenize(words.tokenizer, [prompt], 77))[0]
    mentions = (people >= 0).nonzero().flatten().tolist()
    slots = expanded(words, prompt, num_vectors).slots[0]
    starts = ((slots >= 0) & (slots % num_vectors == 0)).nonzero().flatten().tolist()
    assert starts == [p + (num_vectors - 1) * before for before, p in enumerate(mentions)]
    assert [int(slots[p]) // num_vectors for p in starts] == people[mentions].tolist()


def test_tokens_around_a_mention_are_kept(words: Placeholders) -> None:
    plain = tokenize(words.tokenizer, [CANDLELIGHT], 77)[0]
    tokens = expanded(words, CANDLELIGHT)
    assert tokens.ids.shape == tokens.slots.shape == (1, 77)
    assert tokens.ids[0][tokens.slots[0] < 0].tolist() == [i for i in plain.tolist() if i not in words.ids][:-2]
    end = int((tokens.ids[0] == 49407).nonzero()[0])
    assert end == int((plain == 49407).nonzero()[0]) + 2


def test_a_prompt_without_placeholders_is_untouched(words: Placeholders) -> None:
    prompt = "flasks, kiosks, treks, husks, tusks, dowry and bebop"
    ids = tokenize(words.tokenizer, [prompt], 77)
    tokens = words.expand(Tokens(ids, torch.full_like(ids, -1)), 2, 77)
    assert tokens.ids.equal(ids)
    assert (tokens.slots == -1).all()


@pytest.mark.parametrize(
    "prompt", ["flasks", "kiosks", "treks", "husks", "tusks", "a photo of flasks", "asks", "masks"]
)
def test_the_end_of_a_word_is_no_mention(words: Placeholders, prompt: str) -> None:
    assert (words.people(tokenize(words.tokenizer, [prompt], 77)) == -1).all()


@pytest.mark.parametrize("prompt", ["sks", "SKS", "(sks)", "sks's dog", "a cat, sks", "<sks>", "flasks sks"])
def test_a_whole_word_is_a_mention(words: Placeholders, prompt: str) -> None:
    assert int((words.people(tokenize(words.tokenizer, [prompt], 77)) == 0).sum()) == 1


def test_padding_is_never_a_mention() -> None:
    ends = torch.ones(10, dtype=torch.bool)
    ids = torch.tensor([[8, 1, 5, 9, 5, 5]])  # 5 is placeholder and padding
    assert find_people(ids, [5], ends, 9).tolist() == [[-1, -1, 0, -1, -1, -1]]
    grown = expand(Tokens(ids, find_people(ids, [5], ends, 9)), 2, 8, end_id=9, pad_id=5)
    assert grown.ids.tolist() == [[8, 1, 5, 5, 9, 5, 5, 5]]
    assert grown.slots.tolist() == [[-1, -1, 0, 1, -1, -1, -1, -1]]


def test_prompts_of_a_batch_do_not_mix(words: Placeholders) -> None:
    prompts = ["sks and ks", "a dog", CANDLELIGHT]
    ids = tokenize(words.tokenizer, prompts, 77)
    together = words.expand(Tokens(ids, torch.full_like(ids, -1)), 2, 77)
    for row, prompt in enumerate(prompts):
        alone = expanded(words, prompt)
        assert together.ids[row].equal(alone.ids[0])
        assert together.slots[row].equal(alone.slots[0])


def test_a_prompt_that_just_fits_keeps_its_end(words: Placeholders) -> None:
    tokens = expanded(words, "sks " + "dog " * 73)
    assert tokens.ids[0, -1] == 49407
    assert tokens.ids[0, -2] != 49407


def test_a_prompt_past_the_limit_after_expansion_is_named(words: Placeholders) -> None:
    with pytest.raises(PromptTooLongError) as error:
        expanded(words, "sks and ks " + "dog " * 71)
    assert "the prompt 'sks and ks dog dog" in str(error.value)
    assert "has 78 tokens with begin and end, since each of its 2 mention(s) of a person takes 2" in str(error.value)
    assert "takes 77: shorten it by 1" in str(error.value)


def test_without_names_the_prompts_number_stands_in_the_message() -> None:
    ids = torch.tensor([[8, 5, 9, 9], [8, 5, 5, 9]])
    with pytest.raises(PromptTooLongError, match="prompt 2 of 2 has 6 tokens"):
        expand(Tokens(ids, torch.tensor([[-1, 0, -1, -1], [-1, 0, 0, -1]])), 2, 5, end_id=9, pad_id=9)


@pytest.mark.parametrize(
    ("string", "pieces"), [("flasks", "fla, sks</w>"), ("a sks", "a</w>, sks</w>"), ("", "nothing")]
)
def test_a_placeholder_of_several_pieces_is_refused(clip: CLIPTokenizer, string: str, pieces: str) -> None:
    with pytest.raises(PlaceholderError) as error:
        Placeholders(clip, ["sks", string])
    assert f"placeholder {string!r} is not one word of the model's tokenizer: it becomes {pieces}" in str(error.value)
    assert "single tokens are for example 'ks', 'ata'" in str(error.value)


def test_an_added_token_is_no_placeholder(root: Path) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(root / "tests/golden/clip_words")
    tokenizer.add_tokens("zwq")
    with pytest.raises(PlaceholderError, match="'zwq' is an added token, and those are cut out of the midst of words"):
        Placeholders(tokenizer, ["zwq"])
    words = Placeholders(tokenizer, ["sks"])
    assert words.people(tokenize(tokenizer, ["zwq sks"], 77))[0, :4].tolist() == [-1, -1, 0, -1]


def test_the_same_token_twice_is_refused(clip: CLIPTokenizer) -> None:
    with pytest.raises(PlaceholderError, match="placeholders 'sks' and 'SKS' are the same token"):
        Placeholders(clip, ["sks", "ks", "SKS"])


def test_unknown_placeholder_lists_the_known(clip: CLIPTokenizer) -> None:
    words = Placeholders(clip, ["sks", "ks"])
    assert words.index("ks") == 1
    with pytest.raises(PlaceholderError, match="unknown placeholder 'kss': this run has 'sks', 'ks'"):
        words.index("kss")


@pytest.mark.parametrize(
    ("prompts", "hint"),
    [
        (["a photo of a dog"], ": write for example 'a photo of sks'"),
        (["a dog", "a photo of asks"], ": 'asks' is none; a placeholder is a whole word"),
        (["a photo of ata"], ": 'ata' is none; a placeholder is a whole word"),
    ],
)
def test_prompts_without_any_placeholder_are_an_error(clip: CLIPTokenizer, prompts: list[str], hint: str) -> None:
    with pytest.raises(PlaceholderError) as error:
        Placeholders(clip, ["sks", "ks"]).require_mentions(prompts, 2)
    assert str(error.value) == "no prompt mentions a placeholder ('sks', 'ks')" + hint


def test_more_people_asked_than_given_are_an_error(words: Placeholders) -> None:
    with pytest.raises(PlaceholderError, match="asks for 'ks', person 2, but the number of people given is 1"):
        words.require_mentions(["a photo of sks", CANDLELIGHT], 1)


def test_a_person_in_no_prompt_is_a_warning(words: Placeholders, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    words.require_mentions([CANDLELIGHT], 2)
    assert not caplog.records
    words.require_mentions(["sks"], 2)
    assert "person 2 is in no prompt: 'ks' is not mentioned" in caplog.text


def test_replaced_positions_hold_the_vectors_and_others_are_untouched() -> None:
    embeddings = torch.randn(2, 6, 4)
    vectors = torch.randn(2, 2, 3, 4, requires_grad=True)
    slots = torch.tensor([[-1, 0, 1, 2, -1, -1], [3, 4, 5, -1, 0, 1]])
    edited = replace_slots(embeddings, slots, vectors)
    assert edited[0, 1:4].equal(vectors[0, 0])
    assert edited[1, :3].equal(vectors[1, 1])
    assert edited[1, 4:].equal(vectors[1, 0, :2])
    assert edited[slots < 0].equal(embeddings[slots < 0])
    edited.sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.sum(-1).tolist() == [[[4, 4, 4], [0, 0, 0]], [[4, 4, 0], [4, 4, 4]]]


def test_replacing_keeps_the_precision_of_the_encoder() -> None:
    edited = replace_slots(torch.zeros(1, 3, 4).half(), torch.tensor([[-1, 0, 1]]), torch.ones(1, 1, 2, 4))
    assert edited.dtype == torch.float16


def test_a_slot_without_vectors_is_an_error() -> None:
    with pytest.raises(IndexError, match="a prompt asks for person 2, but vectors of 1 were given"):
        replace_slots(torch.zeros(1, 3, 4), torch.tensor([[-1, 2, 3]]), torch.ones(1, 1, 2, 4))


@needs_shared
def test_example_prompts_mention_one_or_two_people_and_fit(root: Path, shared_data: Path) -> None:
    words = Placeholders(CLIPTokenizer.from_pretrained(shared_data / "tokenizer"), ["sks", "ks"])
    prompts = (root / "infer_images/example_prompt.txt").read_text(encoding="utf-8").splitlines()
    words.require_mentions(prompts, 2)
    mentioned = [set(expanded(words, prompt).slots[0].tolist()) - {-1} for prompt in prompts]
    assert len(prompts) == 12
    assert {0, 1} in mentioned
    assert {2, 3} in mentioned
    assert {0, 1, 2, 3} in mentioned
    assert all(mentioned)


def test_replacing_does_not_wait_for_a_device() -> None:
    """Meta tensors have no values: looking at one would raise."""
    with torch.device("meta"):
        edited = replace_slots(torch.zeros(1, 3, 4), torch.zeros(1, 3, dtype=torch.int64), torch.ones(1, 1, 2, 4))
    assert edited.shape == (1, 3, 4)
