"""Which token positions stand for a person, and room for a person's vectors there.

A placeholder is a word: "flasks" is cut into ``fla`` and ``sks</w>``, and the second piece is not "sks". Positions are
decided once, on the ids of the tokenized prompt, and carried as slots; nothing looks for placeholder ids later.
"""

import difflib
import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from einops import rearrange, repeat
from torch import Tensor

from ldm.batch import Tokens

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

logger = logging.getLogger(__name__)

SUGGESTED = ("sks", "ks", "ata", "tre", "ry", "bop", "rn")
"""Words that CLIP knows as one token and hardly ever saw: the placeholders of the published settings."""


class PlaceholderError(ValueError):
    """A placeholder that cannot be one, or prompts that do not fit the people given."""


class PromptTooLongError(ValueError):
    """A prompt has more tokens than the text encoder takes."""


class Placeholders:
    """The words of a run that stand for its people: the k-th string for person k.

    Args:
        tokenizer: the model's.
        strings: one word for each person.

    Raises:
        PlaceholderError: a string is not exactly one token of the tokenizer's own vocabulary, or two are the same one.
    """

    def __init__(self, tokenizer: "CLIPTokenizer", strings: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.strings = tuple(strings)
        self.ids = tuple(_single_token(tokenizer, string, self.strings) for string in self.strings)
        for k, token in enumerate(self.ids):
            if (first := self.ids.index(token)) < k:
                raise PlaceholderError(
                    f"placeholders {strings[first]!r} and {strings[k]!r} are the same token ({token})"
                )
        self.ends_word = word_ends(tokenizer)

    def index(self, string: str) -> int:
        """The person that ``string`` stands for.

        Raises:
            PlaceholderError: no such placeholder; the message lists those there are.
        """
        if string not in self.strings:
            raise PlaceholderError(f"unknown placeholder {string!r}: this run has {_listed(self.strings)}")
        return self.strings.index(string)

    def plain(self, prompt: str) -> str:
        """``prompt`` without the brackets around placeholders: other programs know a person as ``<sks>``."""
        words = "|".join(map(re.escape, self.strings))
        return re.sub(rf"<({words})>", r" \1 ", prompt, flags=re.IGNORECASE)

    def people(self, ids: Tensor) -> Tensor:
        """Which person each position of ``ids`` (B, L) stands for, -1 for none: (B, L) int64."""
        return find_people(ids, self.ids, self.ends_word, self.tokenizer.eos_token_id)

    def expand(self, tokens: Tokens, num_vectors: int, max_length: int) -> Tokens:
        """``tokens`` with ``num_vectors`` positions for each mention, marked in ``slots``.

        Raises:
            PromptTooLongError: a prompt no longer fits in ``max_length``.
        """
        marked = Tokens(tokens.ids, self.people(tokens.ids))
        end, pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        return expand(marked, num_vectors, max_length, end, end if pad is None else pad, name=self._text)

    def require_mentions(self, prompts: Sequence[str], num_people: int, everybody: bool = True) -> None:
        """Nothing, if ``prompts`` mention someone and ask for none but the first ``num_people``.

        With ``everybody``, a person given whom no prompt mentions is a warning.

        Raises:
            PlaceholderError: no prompt mentions a placeholder, or one asks for more people than are given.
        """
        rows = self.tokenizer(list(prompts))["input_ids"]
        mentioned: set[int] = set()
        for prompt, ids in zip(prompts, rows, strict=True):
            here = set(self.people(torch.tensor([ids])).flatten().tolist()) - {-1}
            if here and max(here) >= num_people:
                asked = f"{self.strings[max(here)]!r}, person {max(here) + 1}"
                raise PlaceholderError(
                    f"the prompt {prompt[:80]!r} asks for {asked}, but the number of people given is {num_people}: "
                    f"choose more people, or mention {_listed(self.strings[:num_people])} only"
                )
            mentioned |= here
        if not mentioned:
            raise PlaceholderError(
                f"no prompt mentions a placeholder ({_listed(self.strings[:num_people])})" + self._hint(prompts)
            )
        for person in sorted(set(range(num_people)) - mentioned) if everybody else ():
            logger.warning("person %d is in no prompt: %r is not mentioned", person + 1, self.strings[person])

    def _hint(self, prompts: Sequence[str]) -> str:
        """A word of the prompts that looks like a placeholder, as the end of a message."""
        for word in re.findall(r"\w+", " ".join(prompts).lower()):
            if word in SUGGESTED or difflib.get_close_matches(word, self.strings, 1, 0.6):
                return f": {word!r} is none; a placeholder is a whole word"
        return f": write for example 'a photo of {self.strings[0]}'"

    def _text(self, ids: Tensor) -> str:
        return str(self.tokenizer.decode(ids.tolist(), skip_special_tokens=True))


def tokenize(tokenizer: "CLIPTokenizer", prompts: Sequence[str], max_length: int) -> Tensor:
    """Ids (B, L) int64 of ``prompts`` with begin, end and padding to L = ``max_length``.

    Raises:
        PromptTooLongError: a prompt does not fit; nothing is cut off silently.
    """
    # verbose: what transformers would say of a long prompt, the error below says better
    encoded = tokenizer(list(prompts), padding="max_length", max_length=max_length, truncation=False, verbose=False)
    rows = encoded["input_ids"]
    for prompt, ids in zip(prompts, rows, strict=True):
        if len(ids) > max_length:
            raise PromptTooLongError(
                f"the prompt {prompt[:80]!r} has {len(ids)} tokens with begin and end, the text encoder takes "
                f"{max_length}: shorten it by {len(ids) - max_length}, for example by what follows from "
                f"{tokenizer.decode(ids[max_length - 1 : -1])[:40]!r} on"
            )
    return torch.tensor(rows, dtype=torch.int64)


def word_ends(tokenizer: "CLIPTokenizer") -> Tensor:
    """(V,) bool: whether a token ends a word, so that the next one begins one. Added and special tokens do."""
    vocabulary = tokenizer.get_vocab()
    ends = torch.zeros(max(vocabulary.values()) + 1, dtype=torch.bool)
    added = tokenizer.get_added_vocab()
    ends[[index for token, index in vocabulary.items() if token.endswith("</w>") or token in added]] = True
    return ends


def find_people(ids: Tensor, placeholder_ids: Sequence[int], ends_word: Tensor, end_id: int) -> Tensor:
    """Person k where ``ids`` (B, L) has the k-th placeholder as a whole word before the end token, else -1."""
    begins = torch.zeros_like(ids, dtype=torch.bool)
    begins[:, 1:] = ends_word.to(ids.device)[ids[:, :-1]] & ((ids == end_id).cumsum(1)[:, 1:] == 0)
    people = torch.full_like(ids, -1)
    for person, token in enumerate(placeholder_ids):
        people[begins & (ids == token)] = person
    return people


def expand(
    tokens: Tokens,
    num_vectors: int,
    max_length: int,
    end_id: int,
    pad_id: int,
    name: Callable[[Tensor], str] | None = None,
) -> Tokens:
    """Prompts in which each mention of a person takes ``num_vectors`` positions; the rest shifts right.

    Args:
        tokens: ids (B, L) and, as slots, the person of each position or -1 (one vector a person, so far).
        num_vectors: E, positions a mention takes.
        max_length: L of the result; padding is trimmed or added to reach it, the end token is kept.
        end_id: ends a prompt.
        pad_id: fills it up.
        name: what a message calls a prompt, from its ids; otherwise its number in the batch.

    Returns:
        Ids (B, L) in which a placeholder's id stands ``num_vectors`` times, and slots (B, L): person * E + n.

    Raises:
        PromptTooLongError: a prompt needs more than ``max_length`` tokens.
    """
    ids = tokens.ids.new_full((len(tokens.ids), max_length), pad_id)
    slots = torch.full_like(ids, -1)
    for row, (prompt, people) in enumerate(zip(tokens.ids, tokens.slots, strict=True)):
        length = int((prompt == end_id).nonzero()[0, 0]) + 1
        counts = torch.where(people[:length] >= 0, num_vectors, 1)
        needed, mentions = int(counts.sum()), int((people[:length] >= 0).sum())
        if needed > max_length:
            called = f"the prompt {name(prompt)[:80]!r}" if name else f"prompt {row + 1} of {len(ids)}"
            raise PromptTooLongError(
                f"{called} has {needed} tokens with begin and end, since each of its {mentions} mention(s) of a person "
                f"takes {num_vectors}; the text encoder takes {max_length}: shorten it by {needed - max_length}"
            )
        source = torch.repeat_interleave(torch.arange(length, device=ids.device), counts)
        n = torch.arange(needed, device=ids.device) - (counts.cumsum(0) - counts)[source]
        ids[row, :needed] = prompt[source]
        slots[row, :needed] = torch.where(people[source] >= 0, people[source] * num_vectors + n, -1)
    return Tokens(ids, slots)


def replace_slots(embeddings: Tensor, slots: Tensor, vectors: Tensor) -> Tensor:
    """Put person p's n-th vector where ``slots`` is p * E + n. (B, L, D), (B, L) int64, (B, P, E, D) -> (B, L, D).

    Raises:
        IndexError: a slot belongs to a person that ``vectors`` does not have. Looked at on the CPU only, where it does
            not make a device wait: a personalization compares slots and people before.
    """
    people, num_vectors = vectors.shape[1:3]
    if slots.device.type == "cpu" and (highest := int(slots.max())) >= people * num_vectors:
        raise IndexError(f"a prompt asks for person {highest // num_vectors + 1}, but vectors of {people} were given")
    flat = rearrange(vectors, "b p e d -> b (p e) d").to(embeddings.dtype)
    index = repeat(slots.clamp_min(0), "b l -> b l d", d=flat.shape[-1])
    return torch.where(slots[..., None] >= 0, flat.gather(1, index), embeddings)


def _single_token(tokenizer: "CLIPTokenizer", string: str, others: Sequence[str]) -> int:
    """The id of ``string``, which is one token."""
    ids = tokenizer(string, add_special_tokens=False)["input_ids"]
    added = ids and ids[0] in tokenizer.get_added_vocab().values()
    if len(ids) == 1 and not added:
        return int(ids[0])
    if added:
        raise PlaceholderError(f"placeholder {string!r} is an added token, and those are cut out of the midst of words")
    pieces = ", ".join(tokenizer.convert_ids_to_tokens(ids)) or "nothing"
    single = [word for word in SUGGESTED if word not in others and len(tokenizer.tokenize(word)) == 1]
    advice = f"; single tokens are for example {_listed(single)}" if single else ""
    raise PlaceholderError(
        f"placeholder {string!r} is not one word of the model's tokenizer: it becomes {pieces}{advice}"
    )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words))
