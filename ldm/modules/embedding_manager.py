"""A person as coefficients on the celeb basis, found from a face vector."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ldm.batch import Batch, EmbeddingEdit, Tokens
from ldm.config import Injected
from ldm.modules.artifacts import read_artifact
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.identity import FaceToCoefficients, IdentityMemory
from ldm.modules.personalization import Artifact, Personalization
from ldm.modules.placeholders import Placeholders, replace_slots

Mode = Literal["coefficient", "embedding", "image", "all"]
FORMAT = "celebbasis-embeddings-1"


class EmbeddingManagerId(Personalization):
    """Face vector → coefficients → token vectors, in place of the placeholders of a prompt.

    Args:
        placeholder_strings: words that stand for people, each one token: the first for the first person, and so on.
        tokenizer: the model's.
        max_length: of a prompt, in tokens.
        basis: the celeb basis of the model's token table.
        face_encoder: gives the network whose vectors come in (``name`` and ``dim``); none: people are only drawn, and
            layers come from the file that is loaded, if it holds any.
        max_ids: how many people a run can learn.
        momentum: of the running mean of each person's coefficients.
        meta_mlp_depth: layers from face vector to coefficients.
        coefficient_scale: ``unit``: coefficients of norm 1, as published; ``names``: on the scale that the names have,
            and nobody farther from their mean than they are.
        test_mode: what is saved: coefficients, token vectors, the layers (``image``: for new photos), or all.
        embedding_manager_ckpt: start from this exported file.
        trainable: learn people; else those of the file are as they are, beside another method of a Chain that learns.
    """

    head: FaceToCoefficients | None

    def __init__(
        self,
        placeholder_strings: Sequence[str],
        tokenizer: Injected[Any],
        max_length: Injected[int],
        basis: Injected[CelebBasis | None],
        face_encoder: Injected[Callable[[], Any] | None] = None,
        max_ids: Annotated[int, Field(gt=0)] = 10,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99,
        meta_mlp_depth: Annotated[int, Field(gt=0)] = 1,
        coefficient_scale: Literal["unit", "names"] = "names",
        test_mode: Mode = "coefficient",
        embedding_manager_ckpt: Path | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        if basis is None:
            raise ValueError("EmbeddingManagerId needs a celeb basis: set cond_stage_config.params.use_celeb to true")
        self.basis = basis
        self.placeholders = Placeholders(tokenizer, placeholder_strings)
        self.max_length = max_length
        self.test_mode, self.coefficient_scale = test_mode, coefficient_scale
        self.meta_mlp_depth = meta_mlp_depth
        self.face_encoder_name, self.head = "", None
        self.trainable = trainable
        if face_encoder is not None and trainable:
            encoder = face_encoder()
            self.face_encoder_name, self.head = str(encoder.name), self._new_head(encoder.dim)
        self.memory = IdentityMemory(max_ids, basis.num_vectors, basis.num_components, momentum)
        if embedding_manager_ckpt is not None:
            self.load([read_artifact(Path(embedding_manager_ckpt))])

    def _new_head(self, face_dim: int) -> FaceToCoefficients:
        scale = self.basis.names_scale() if self.coefficient_scale == "names" else None
        size = (self.basis.num_vectors, self.basis.num_components)
        return FaceToCoefficients(face_dim, *size, depth=self.meta_mlp_depth, scale=scale)

    def trained(self, unet: nn.Module, text_encoder: nn.Module) -> Iterable[nn.Parameter]:
        """The layers from face vector to coefficients."""
        return self.parameters() if self.trainable else ()

    def expand(self, tokens: Tokens) -> Tokens:
        """Each mention of a person takes E positions."""
        return self.placeholders.expand(tokens, self.basis.num_vectors, self.max_length)

    def embedding_edit(self, tokens: Tokens, batch: Batch) -> EmbeddingEdit | None:
        """Put the people's vectors at the slots.

        The people are ``batch["vectors"]`` (B, P, E, D) where given; otherwise those of ``faces`` and ``ids``.

        Raises:
            LookupError: a prompt names a person for whom the batch has nothing, or captions know other placeholders.
        """
        mentions = bool((tokens.slots >= 0).any())
        if not mentions and "faces" not in batch:
            return None
        # With faces the memory follows even where no prompt mentions anybody: under ddp every process must call it.
        vectors = batch["vectors"] if "vectors" in batch else self._vectors_of(batch)  # (B, P, E, D)
        if not mentions:
            return self._edit_of_nobody(tokens, batch, vectors) if self.training else None
        named = int(tokens.slots.max()) // self.basis.num_vectors + 1
        if named > vectors.shape[1]:
            word = self.placeholders.strings[named - 1]
            raise LookupError(f"a prompt names {word!r}, person {named}, but {vectors.shape[1]} people were chosen")

        def edit(_ids: Tensor, embeddings: Tensor) -> Tensor:
            slots = tokens.slots.to(embeddings.device)
            return replace_slots(embeddings, slots, vectors.to(embeddings))

        return edit

    def _edit_of_nobody(self, tokens: Tokens, batch: Batch, vectors: Tensor) -> EmbeddingEdit:
        """Changes nothing, but lets the loss depend on the layers: backward and ddp want a gradient at every step.

        Raises:
            LookupError: these are not dropped captions but such as know other placeholders.
        """
        spoken = tokens.ids[:, 1] != self.placeholders.tokenizer.eos_token_id
        if bool((spoken & (batch["ids"] >= 0).any(1).cpu()).any()):
            words = ", ".join(self.placeholders.strings)
            raise LookupError(
                f"people are on the pictures, but no caption mentions one of {words}: are the data's "
                "placeholder_strings those of the personalization?"
            )
        return lambda _ids, embeddings: embeddings + 0 * vectors.sum().to(embeddings)

    def _vectors_of(self, batch: Batch) -> Tensor:
        """(B, P, E, D) from face vectors; while training the memory follows."""
        if "faces" not in batch:
            raise LookupError("a prompt names a person, but no people were chosen")
        faces, ids = batch["faces"], batch["ids"]
        coefficients = self._coefficients(faces.flatten(0, 1))  # (B * P, E, K)
        if self.training:
            self.memory.update(ids.flatten(), coefficients)
        return self.basis.vectors(coefficients.view(*ids.shape, *coefficients.shape[1:]))

    def _coefficients(self, faces: Tensor) -> Tensor:
        """(N, E, K) of face vectors (N, F)."""
        if self.head is None:
            raise LookupError("this run's files hold people, but no layers for other faces (test_mode: image or all)")
        coefficients: Tensor = self.head(faces)
        return coefficients

    def person_vectors(self, person: int) -> Tensor:
        """(E, D) token vectors of a person that was trained.

        Raises:
            LookupError: the person was not trained; those who were are listed.
        """
        return self.basis.vectors(self.memory.coefficients(person))

    def face_vectors(self, faces: Tensor) -> Tensor:
        """(N, E, D) token vectors of face vectors (N, F), for people that were never trained (``image`` mode)."""
        return self.basis.vectors(self._coefficients(faces))

    def export(self) -> list[Artifact]:
        """One file: the people that were trained, in the form that ``test_mode`` says."""
        people = self.memory.trained()
        tensors: dict[str, Tensor] = {}
        if people and self.test_mode != "image":
            coefficients = torch.stack([self.memory.coefficients(person) for person in people])  # (N, E, K)
            tensors["ids"] = torch.tensor(people)
            if self.test_mode in ("coefficient", "all"):
                tensors["coefficients"] = coefficients
            if self.test_mode in ("embedding", "all"):
                tensors["embeddings"] = self.basis.vectors(coefficients)
        if self.head is not None and self.test_mode in ("image", "all"):
            tensors |= {f"head.{name}": tensor for name, tensor in self.head.state_dict().items()}
        metadata = {
            "format": FORMAT,
            "test_mode": self.test_mode,
            "basis": self.basis.hash,
            "names": self.basis.origin.names_hash,
            "tokenizer": self.basis.origin.tokenizer_id,
            "coefficient_scale": self.coefficient_scale,
            "face_encoder": self.face_encoder_name,
            "placeholder_strings": json.dumps(self.placeholders.strings),
        }
        return [Artifact("embeddings", tensors, metadata)]

    @torch.no_grad()
    def load(self, artifacts: Sequence[Artifact]) -> None:
        """Take people, layers or both from an exported file.

        Raises:
            KeyError: the file lacks what it should hold, or holds something else.
            ValueError: it belongs to another basis or face network.
        """
        for artifact in artifacts:
            self._load_one(artifact)

    def _load_one(self, artifact: Artifact) -> None:
        if artifact.metadata.get("format") != FORMAT:
            raise ValueError(f"{artifact.name!r} is not a file of people on a celeb basis (format {FORMAT})")
        self.basis.require(artifact.metadata["basis"], "the file of people")
        tensors = dict(artifact.tensors)
        head = {name: tensors.pop(name) for name in list(tensors) if name.startswith("head.")}
        ids = tensors.pop("ids", torch.empty(0, dtype=torch.int64)).tolist()
        coefficients, embeddings = tensors.pop("coefficients", None), tensors.pop("embeddings", None)
        if tensors:
            raise KeyError(f"unknown tensors in the file of people: {', '.join(sorted(tensors))}")
        if coefficients is None and embeddings is not None:
            coefficients = self.basis.project(embeddings)
        if ids and coefficients is None:
            raise KeyError("the file names people but holds neither coefficients nor embeddings")
        if head:
            self._load_head(head, artifact.metadata)
        if coefficients is not None:
            for person, value in zip(ids, coefficients, strict=True):
                self.memory.remember(person, value)

    def _load_head(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
        """Take the layers, if they were trained on the same face vectors and for the same scale."""
        made = metadata["face_encoder"]
        state = {name.removeprefix("head."): tensor for name, tensor in tensors.items()}
        if self.head is None:  # people are only drawn: the layers are the file's
            first = state.get("layers.0.weight", torch.empty(0, 1))
            self.face_encoder_name, self.head = made, self._new_head(first.shape[1])
        if made != (here := self.face_encoder_name):
            raise ValueError(f"the file's layers take face vectors of {made}, here they come from {here}")
        if (scale := metadata["coefficient_scale"]) != self.coefficient_scale:
            raise ValueError(
                f"the file's layers give coefficients on the scale {scale!r}, here coefficient_scale is "
                f"{self.coefficient_scale!r}"
            )
        if misfits := sorted(self.head.state_dict().keys() ^ state.keys()):
            raise KeyError(f"the file's layers are not those here (meta_mlp_depth): {', '.join(misfits)}")
        self.head.load_state_dict(state)
