"""Text to context: a CLIP text encoder, used as it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ldm.batch import Conditioning, EmbeddingEdit, Tokens


@contextmanager
def edited_embeddings(embedding: nn.Module, edit: EmbeddingEdit | None) -> Iterator[None]:
    """Let ``edit(input_ids, vectors)`` replace what ``embedding`` returns inside the block."""
    if edit is None:
        yield
        return
    handle = embedding.register_forward_hook(lambda _module, args, vectors: edit(args[0], vectors))
    try:
        yield
    finally:
        handle.remove()


class PromptTooLongError(ValueError):
    """A prompt has more tokens than the text encoder takes."""


class FrozenCLIPEmbedder(nn.Module):
    """Prompts to context by the model's own tokenizer and CLIP text encoder.

    Frozen unless a method trains it. Which token vectors are replaced is the personalization's business.

    Args:
        tokenizer: the model's; injected.
        text_encoder: the model's; injected.
    """

    def __init__(self, tokenizer: Any, text_encoder: nn.Module) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.transformer = text_encoder

    @property
    def max_length(self) -> int:
        """Prompt length L in tokens, begin and end included."""
        return int(self.transformer.config.max_position_embeddings)

    def tokenize(self, prompts: Sequence[str]) -> Tokens:
        """Ids (B, L) on the CPU, padded with the end token; no slots yet.

        Raises:
            PromptTooLongError: a prompt does not fit; it is named, with its length. Nothing is cut off silently.
        """
        encoded = self.tokenizer(list(prompts), padding="max_length", max_length=self.max_length, truncation=False)
        for prompt, ids in zip(prompts, encoded["input_ids"], strict=True):
            if len(ids) > self.max_length:
                raise PromptTooLongError(
                    f"a prompt has {len(ids)} tokens with begin and end, the text encoder takes {self.max_length}: "
                    f"shorten {prompt[:80]!r}"
                )
        ids = torch.tensor(encoded["input_ids"], dtype=torch.int64)
        return Tokens(ids, torch.full_like(ids, -1))

    def forward(self, tokens: Tokens, edit: EmbeddingEdit | None = None) -> Conditioning:
        """Context (B, L, D) of tokenized prompts, with token vectors replaced by ``edit``."""
        ids = tokens.ids.to(self.transformer.device)
        with edited_embeddings(self.transformer.get_input_embeddings(), edit):
            output = self.transformer(input_ids=ids)
        return Conditioning(context=output.last_hidden_state, pooled=output.pooler_output)
