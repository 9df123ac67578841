"""What a face does, as a vector instead of words: its action units become token vectors of a prompt."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor, nn

from ldm.batch import Batch, EmbeddingEdit, Tokens
from ldm.config import Injected
from ldm.modules.personalization import Artifact, Personalization
from ldm.modules.placeholders import Placeholders, PromptTooLongError, find_people

FORMAT = "au-conditioner-1"
MAX_INTENSITY = 5.0
"""FACS: 0 is absent, 5 the maximum."""
FIRST_SLOT = -2
"""The n-th vector stands where ``slots`` is -2 - n: people have 0 and above, an ordinary token -1."""


def conditioner_of(model: Any) -> "AuConditioner | None":
    """The part of a model's method that takes a vector of action units, or None."""
    return next((part for part in model.personalization.modules() if isinstance(part, AuConditioner)), None)


def worded(prompt: str, word: str) -> str:
    """``prompt`` with the ``word`` for what the face does; behind it, where it is not there yet."""
    return prompt if word in prompt.split() else f"{prompt} {word}".strip()


class AuConditioner(Personalization):
    """One word of a prompt is what the face does: E vectors made of the intensities of action units.

    In a ``Chain`` it is the last part, so that the places of people that others marked stay marked.

    Args:
        placeholder_string: the word; one token of the model's.
        tokenizer: the model's.
        max_length: of a prompt, in tokens.
        units: the action units, by their numbers in FACS, in the order of the vectors in a batch.
        num_vectors: vectors that the word takes, E.
        width: of the encoder's inner layer.
    """

    start: Tensor

    def __init__(
        self,
        placeholder_string: str,
        tokenizer: Injected[Any],
        max_length: Injected[int],
        units: Sequence[int] = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24, 25),
        num_vectors: Annotated[int, Field(gt=0)] = 2,
        width: Annotated[int, Field(gt=0)] = 128,
    ) -> None:
        super().__init__()
        if not units or len(set(units)) < len(units):
            raise ValueError(f"units {list(units)}: name each action unit once, and at least one")
        self.words, self.max_length = Placeholders(tokenizer, [placeholder_string]), max_length
        self.units, self.num_vectors, self.width = tuple(units), num_vectors, width

    @property
    def word(self) -> str:
        """What stands for the action units in a prompt."""
        return self.words.strings[0]

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Make the encoder: it starts at the word's own vector, whatever the face does."""
        table: Tensor = text_encoder.get_input_embeddings().weight.detach().float()  # type: ignore[operator]
        self.register_buffer("start", table[self.words.ids[0]].clone())  # (D,)
        last = nn.Linear(self.width, self.num_vectors * table.shape[1])
        nn.init.normal_(last.weight, std=0.1 * float(table.std()) / self.width**0.5)
        nn.init.zeros_(last.bias)
        self.encoder = nn.Sequential(nn.Linear(2 * len(self.units), self.width), nn.SiLU(), last)

    def expand(self, tokens: Tokens) -> Tokens:
        """The word takes E positions; what other methods marked moves along.

        Raises:
            PromptTooLongError: a prompt no longer fits.
        """
        tokenizer = self.words.tokenizer
        here = find_people(tokens.ids, self.words.ids, self.words.ends_word, tokenizer.eos_token_id) >= 0
        ids, slots = tokens.ids.clone(), tokens.slots.clone()
        for row in here.any(1).nonzero().flatten().tolist():
            source = torch.repeat_interleave(
                torch.arange(ids.shape[1]), torch.where(here[row], self.num_vectors, 1)
            )  # places of the old prompt
            if tokenizer.eos_token_id not in tokens.ids[row][source[: self.max_length]]:
                raise PromptTooLongError(
                    f"a prompt has no room for the {self.num_vectors} vectors of {self.word!r}: the text encoder takes "
                    f"{self.max_length} tokens"
                )
            source = source[: ids.shape[1]]
            number = torch.arange(len(source)) - torch.searchsorted(source, source)  # 0, 1, ... within the word
            ids[row] = tokens.ids[row][source]
            slots[row] = torch.where(here[row][source], FIRST_SLOT - number, tokens.slots[row][source])
        return Tokens(ids, slots)

    def embedding_edit(self, tokens: Tokens, batch: Batch) -> EmbeddingEdit | None:
        """Put the vectors of ``batch["action_units"]`` (B, U) at the word; without them nothing is known of the face.

        Raises:
            ValueError: another method of a Chain came after this one and took its marks away.
        """
        places = FIRST_SLOT - tokens.slots  # (B, L), 0 and above are ours
        if not (places >= 0).any():
            if (self.words.people(tokens.ids) >= 0).any():
                raise ValueError("AuConditioner must be the last of the Chain's parts: another one took its marks away")
            return (lambda _ids, embeddings: embeddings + 0 * self._nothing()) if self.training else None
        unknown = torch.full((len(tokens.ids), len(self.units)), torch.nan)
        vectors = self.vectors(batch.get("action_units", unknown))  # (B, E, D)

        def edit(_ids: Tensor, embeddings: Tensor) -> Tensor:
            at = places.to(embeddings.device)
            index = at.clamp_min(0)[..., None].expand(-1, -1, vectors.shape[-1])
            return torch.where(at[..., None] >= 0, vectors.to(embeddings).gather(1, index), embeddings)

        return edit

    def vectors(self, intensities: Tensor) -> Tensor:
        """(B, E, D) of intensities (B, U) from 0 to 5, NaN where unknown."""
        known = ~intensities.isnan()
        told = torch.cat([intensities.nan_to_num() / MAX_INTENSITY, known.float()], -1).to(self.start)
        moved = rearrange(self.encoder(told), "b (e d) -> b e d", e=self.num_vectors)
        return torch.as_tensor(self.start + moved)

    def _nothing(self) -> Tensor:
        """A number through which the loss depends on the encoder where no caption has the word (ddp wants that)."""
        return torch.stack([parameter.sum() for parameter in self.parameters()]).sum()

    def export(self) -> list[Artifact]:
        """One file: the encoder."""
        metadata = {"format": FORMAT, "word": self.word, "units": ",".join(map(str, self.units))}
        return [Artifact("action_units", {k: v.detach() for k, v in self.state_dict().items()}, metadata)]

    @torch.no_grad()
    def load(self, artifacts: Sequence[Artifact]) -> None:
        """Take back what ``export`` gave.

        Raises:
            KeyError: tensors are missing or unknown.
            ValueError: the file is of other units.
        """
        for artifact in artifacts:
            units = ",".join(map(str, self.units))
            if (theirs := artifact.metadata.get("units")) != units:
                raise ValueError(f"the file is of the action units {theirs}, this run of {units}")
            own = self.state_dict()
            if wrong := sorted(own.keys() ^ artifact.tensors.keys()):
                raise KeyError(f"the file of action units lacks or adds tensors: {', '.join(wrong)}")
            self.load_state_dict(artifact.tensors)
