"""The one slot: what a method changes in a latent diffusion model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ldm.batch import Batch, Conditioning, EmbeddingEdit, Tokens
from ldm.config import Injected
from ldm.util import instantiate_from_config


@dataclass(frozen=True)
class Artifact:
    """One file that a user shares.

    Attributes:
        name: file name without step and suffix, for example ``embeddings``.
        tensors: its content.
        metadata: what is needed to use it again (text only, as safetensors wants it).
    """

    name: str
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


class Personalization(nn.Module):
    """What one method changes in a latent diffusion model. The default changes nothing."""

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Add what the method adds to the networks (adapters). They are not made modules of its own."""

    def trained(self, unet: nn.Module, text_encoder: nn.Module) -> Iterable[nn.Parameter]:
        """The parameters that training changes; everything else stays frozen."""
        return self.parameters()

    @property
    def replaces_vectors(self) -> bool:
        """Whether the method ever replaces token vectors."""
        return type(self).embedding_edit is not Personalization.embedding_edit

    def expand(self, tokens: Tokens) -> Tokens:
        """Make room for several vectors where a placeholder stands, and mark them in ``slots``."""
        return tokens

    def embedding_edit(self, tokens: Tokens, batch: Batch) -> EmbeddingEdit | None:
        """What replaces token vectors at the slots of ``tokens``; None replaces nothing."""
        return None

    def residuals(self, noisy: Tensor, timesteps: Tensor, told: Conditioning, batch: Batch) -> dict[str, Any]:
        """What the UNet is given beside noisy latents and text, by the names of its arguments (a ControlNet's say)."""
        return {}

    def networks(self) -> dict[str, Any]:
        """Networks of the method's own by name, each exported as a folder that diffusers reads."""
        return {}

    def export(self) -> list[Artifact]:
        """The files a user shares. Weights of the networks themselves are exported by the model."""
        return []

    def load(self, artifacts: Sequence[Artifact]) -> None:
        """Take back what ``export`` gave.

        Raises:
            KeyError: an artifact or a tensor is missing or unknown; the message lists them.
        """
        if artifacts:
            raise KeyError(f"{type(self).__name__} has nothing to load; given: {', '.join(a.name for a in artifacts)}")


class Chain(Personalization):
    """Several methods in one run: all are attached, the union is trained.

    Args:
        parts: config nodes of the methods, in the order in which they edit.
        injected: handed on to each (tokenizer, basis, ...).
    """

    def __init__(self, parts: Sequence[Mapping[str, Any]], injected: Injected[Mapping[str, Any] | None] = None) -> None:
        super().__init__()
        if not parts:
            raise ValueError("a Chain needs at least one method in `parts`")
        self.parts = nn.ModuleList(instantiate_from_config(part, **(injected or {})) for part in parts)
        takers = [type(method).__name__ for method in self._methods() if hasattr(method, "placeholders")]
        if len(takers) > 1:
            raise ValueError(
                f"the Chain has {len(takers)} parts that stand at placeholders ({', '.join(takers)}), and a position "
                "takes one: learn all words in one of them"
            )

    def _methods(self) -> list[Personalization]:
        return [part for part in self.parts if isinstance(part, Personalization)]

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        """Attach every part; the model decides afterwards what requires grad, because adapters freeze silently."""
        for method in self._methods():
            method.attach(unet, text_encoder)

    def trained(self, unet: nn.Module, text_encoder: nn.Module) -> Iterable[nn.Parameter]:
        """The union of what the parts train, each parameter once."""
        union = {id(p): p for method in self._methods() for p in method.trained(unet, text_encoder)}
        return union.values()

    @property
    def replaces_vectors(self) -> bool:
        """Whether a part does."""
        return any(method.replaces_vectors for method in self._methods())

    def expand(self, tokens: Tokens) -> Tokens:
        """Each part expands what the one before it left."""
        for method in self._methods():
            tokens = method.expand(tokens)
        return tokens

    def embedding_edit(self, tokens: Tokens, batch: Batch) -> EmbeddingEdit | None:
        """The parts' edits, one after the other."""
        edits = [edit for m in self._methods() if (edit := m.embedding_edit(tokens, batch)) is not None]
        if not edits:
            return None

        def edit_all(input_ids: Tensor, vectors: Tensor) -> Tensor:
            for edit in edits:
                vectors = edit(input_ids, vectors)
            return vectors

        return edit_all

    def residuals(self, noisy: Tensor, timesteps: Tensor, told: Conditioning, batch: Batch) -> dict[str, Any]:
        """Those of the parts; of two that give the same argument, the later one's."""
        return {k: v for method in self._methods() for k, v in method.residuals(noisy, timesteps, told, batch).items()}

    def networks(self) -> dict[str, Any]:
        """Those of the parts."""
        return {name: network for method in self._methods() for name, network in method.networks().items()}

    def export(self) -> list[Artifact]:
        """The artifacts of all parts."""
        return [artifact for method in self._methods() for artifact in method.export()]

    def load(self, artifacts: Sequence[Artifact]) -> None:
        """Give every part the artifacts that carry the names it exports.

        Raises:
            KeyError: the parts want other files than those given, or two parts want the same; they are listed.
        """
        wanted = [own.name for method in self._methods() for own in method.export()]
        if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
            raise KeyError(f"two parts of the Chain write files of the same name: {', '.join(twice)}")
        left = {artifact.name: artifact for artifact in artifacts}
        for what, names in (("wants also", set(wanted) - left.keys()), ("does not know", left.keys() - set(wanted))):
            if names:
                raise KeyError(f"the Chain {what} these files: {', '.join(sorted(names))}")
        for method in self._methods():
            method.load([left[own.name] for own in method.export()])
