"""A concept as token vectors of its own: nothing else is learned.

Source: Gal et al. 2023, "An Image is Worth One Word: Personalizing Text-to-Image Generation using Textual Inversion".
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from einops import repeat
from pydantic import Field
from torch import Tensor, nn

from ldm.batch import Batch, EmbeddingEdit, Tokens
from ldm.config import Injected
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.personalization import Artifact, Personalization
from ldm.modules.placeholders import Placeholders, replace_slots

FORMAT = "textual-inversion-1"


class TextualInversion(Personalization):
    """Token vectors that are learned themselves, in place of the placeholders of a prompt.

    Only these vectors are trained: the table of all words stays out of the optimizer.

    Args:
        placeholder_strings: words that stand for what is learned, each one token of the model's.
        tokenizer: the model's.
        max_length: of a prompt, in tokens.
        basis: the celeb basis of the model's token table, where the model has one.
        num_vectors: vectors a placeholder takes, E.
        initializer_words: for each placeholder a word or several to start from; null: the celeb basis's mean.
    """

    vectors: nn.Parameter

    def __init__(
        self,
        placeholder_strings: Sequence[str],
        tokenizer: Injected[Any],
        max_length: Injected[int],
        basis: Injected[CelebBasis | None] = None,
        num_vectors: Annotated[int, Field(gt=0)] = 1,
        initializer_words: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.placeholders = Placeholders(tokenizer, placeholder_strings)
        self.tokenizer, self.max_length, self.num_vectors = tokenizer, max_length, num_vectors
        strings = self.placeholders.strings
        if initializer_words is None and basis is None:
            raise ValueError(
                "TextualInversion: name initializer_words, or set cond_stage_config.params.use_celeb to true to start "
                "from the celeb basis's mean"
            )
        if initializer_words is not None and len(initializer_words) != len(strings):
            raise ValueError(
                f"initializer_words has {len(initializer_words)} entries, placeholder_strings {len(strings)}: each "
                "placeholder starts from its own"
            )
        self.initializer_words = initializer_words
        self._mean = None if basis is None or initializer_words is not None else basis.mean.clone()

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Take the vectors to start from out of the text encoder's table."""
        table: Tensor = text_encoder.get_input_embeddings().weight.detach().float()  # type: ignore[operator]
        if self._mean is not None:
            starts = [self._mean] * len(self.placeholders.strings)
        else:
            starts = [table[self._pieces(words)] for words in self.initializer_words or ()]  # (pieces, D) each
        self.vectors = nn.Parameter(torch.stack([_spread(start, self.num_vectors) for start in starts]))  # (P, E, D)

    def _pieces(self, words: str) -> list[int]:
        """The token ids of ``words``.

        Raises:
            ValueError: there are none, or a word is unknown to the model.
        """
        ids: list[int] = self.tokenizer(words, add_special_tokens=False)["input_ids"]
        if not ids or (self.tokenizer.unk_token_id in ids and self.tokenizer.unk_token not in words):
            raise ValueError(f"initializer_words: {words!r} holds no word that the model's tokenizer knows")
        return ids

    def expand(self, tokens: Tokens) -> Tokens:
        """Each mention takes E positions."""
        return self.placeholders.expand(tokens, self.num_vectors, self.max_length)

    def embedding_edit(self, tokens: Tokens, batch: Batch) -> EmbeddingEdit | None:
        """Put the vectors at the slots; a batch that mentions nothing still asks for their gradient while training."""
        mentioned = bool((tokens.slots >= 0).any())
        if not mentioned and not self.training:
            return None

        def edit(_ids: Tensor, embeddings: Tensor) -> Tensor:
            if not mentioned:
                return embeddings + 0 * self.vectors.sum().to(embeddings)
            vectors = repeat(self.vectors, "p e d -> b p e d", b=len(embeddings))
            return replace_slots(embeddings, tokens.slots.to(embeddings.device), vectors)

        return edit

    def export(self) -> list[Artifact]:
        """A file for each placeholder, in diffusers' form: one tensor (E, D), named by its token in brackets."""
        return [
            Artifact(
                name,
                {f"<{string}>": self.vectors[k].detach()},
                {"format": FORMAT, "token": f"<{string}>", "placeholder_strings": json.dumps([string])},
            )
            for k, (name, string) in enumerate(zip(self._names(), self.placeholders.strings, strict=True))
        ]

    def _names(self) -> list[str]:
        """File names for the placeholders: their letters and digits, or their number where they have none."""
        return [re.sub(r"\W", "", string) or f"token{k}" for k, string in enumerate(self.placeholders.strings)]

    @torch.no_grad()
    def load(self, artifacts: Sequence[Artifact]) -> None:
        """Take back what ``export`` gave.

        Raises:
            KeyError: the files are not those of these placeholders; what is wanted is listed.
            ValueError: vectors of another number or width.
        """
        given = {name: tensor for artifact in artifacts for name, tensor in artifact.tensors.items()}
        wanted = [f"<{string}>" for string in self.placeholders.strings]
        if given.keys() != set(wanted):
            raise KeyError(f"files of the tokens {', '.join(wanted)} are wanted, given: {', '.join(given) or 'none'}")
        for own, token in zip(self.vectors, wanted, strict=True):
            if given[token].shape != own.shape:
                raise ValueError(
                    f"the file of {token} holds {tuple(given[token].shape)} numbers, this run takes {tuple(own.shape)} "
                    "(num_vectors x token width): it is of another model or another num_vectors"
                )
            own.copy_(given[token])


def _spread(start: Tensor, num_vectors: int) -> Tensor:
    """(E, D) vectors to start from, of (pieces, D): in order, the last one again where there are too few."""
    if len(start) > num_vectors and num_vectors == 1:
        return start.mean(0, keepdim=True)
    return start[torch.arange(num_vectors).clamp(max=len(start) - 1)].clone()
