"""Text to context: a CLIP text encoder, used as it is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from ldm.batch import Conditioning, EmbeddingEdit, Tokens
from ldm.config import Injected
from ldm.modules.celeb_basis import CelebBasis, build_celeb_basis
from ldm.modules.placeholders import tokenize


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


class FrozenCLIPEmbedder(nn.Module):
    """Prompts to context by the model's own tokenizer and CLIP text encoder, and the celeb basis of its token table.

    Frozen unless a method trains it. Which token vectors are replaced is the personalization's business.

    Args:
        tokenizer: the model's.
        text_encoder: the model's.
        model_celeb_txt: the list of names that the model knows, or a function that finds it; taken when ``celeb_txt``
            is null.
        use_celeb: make the celeb basis.
        celeb_txt: list of names, one a line; null takes the model's own.
        n_components: axes for each position; ``auto`` is the smaller numerical rank over the positions.
        num_embeds_per_token: vectors a person takes, E.
        rm_repeats: a line that stands twice counts once.
        rm_token_repeats: a token that stands twice at a position counts once.
        use_flatten: one basis from all positions, used for every vector.
        basis_file: take this stored basis instead of making one.
        null_context: what the empty prompt is: the context of the empty ``caption``, or ``zero``.
    """

    celeb_basis: CelebBasis | None

    def __init__(
        self,
        tokenizer: Injected[Any],
        text_encoder: Injected[nn.Module],
        model_celeb_txt: Injected[Path | Callable[[], Path] | None] = None,
        use_celeb: bool = False,
        celeb_txt: Path | None = None,
        n_components: Annotated[int, Field(gt=0)] | Literal["auto"] = "auto",
        num_embeds_per_token: Annotated[int, Field(gt=0)] = 2,
        rm_repeats: bool = True,
        rm_token_repeats: bool = False,
        use_flatten: bool = False,
        basis_file: Path | None = None,
        null_context: Literal["caption", "zero"] = "caption",
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.transformer, self.null_context = text_encoder, null_context
        self.celeb_basis = None
        if basis_file is not None:
            self.celeb_basis = CelebBasis.load(Path(basis_file))
        elif use_celeb:
            names = celeb_txt or (model_celeb_txt() if callable(model_celeb_txt) else model_celeb_txt)
            if names is None:
                raise ValueError("cond_stage_config: use_celeb needs celeb_txt, a list of names the model knows")
            embedding: Any = text_encoder.get_input_embeddings()  # type: ignore[operator]
            width = int(embedding.weight.shape[1])
            if n_components != "auto" and n_components > width:
                raise ValueError(
                    f"n_components is {n_components}, but this model's token vectors have {width} numbers: the config "
                    "was written for another model. Take configs/stable-diffusion/celeb_basis.yaml (n_components: auto)"
                )
            self.celeb_basis = build_celeb_basis(
                embedding.weight.detach().float(),
                tokenizer,
                names,
                n_components,
                num_embeds_per_token,
                rm_repeats=rm_repeats,
                rm_token_repeats=rm_token_repeats,
                use_flatten=use_flatten,
            )

    @property
    def max_length(self) -> int:
        """Prompt length L in tokens, begin and end included."""
        config: Any = self.transformer.config
        return int(config.max_position_embeddings)

    def tokenize(self, prompts: Sequence[str]) -> Tokens:
        """Ids (B, L) on the CPU, padded with the end token; no slots yet.

        Raises:
            PromptTooLongError: a prompt does not fit; it is named, with its length. Nothing is cut off silently.
        """
        ids = tokenize(self.tokenizer, prompts, self.max_length)
        return Tokens(ids, torch.full_like(ids, -1))

    def forward(self, tokens: Tokens, edit: EmbeddingEdit | None = None) -> Conditioning:
        """Context (B, L, D) of tokenized prompts, with token vectors replaced by ``edit``."""
        transformer: Any = self.transformer
        ids = tokens.ids.to(transformer.device)
        with edited_embeddings(transformer.get_input_embeddings(), edit):
            output = transformer(input_ids=ids)
        context, pooled = output.last_hidden_state, output.pooler_output
        if self.null_context == "zero":
            said = (ids[:, 1] != self.tokenizer.eos_token_id).to(context)  # an empty prompt ends where it begins
            context, pooled = context * said[:, None, None], pooled * said[:, None]
        return Conditioning(context=context, pooled=pooled)
