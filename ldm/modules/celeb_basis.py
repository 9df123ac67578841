"""The celeb basis: the mean and the principal axes of celebrity name vectors, one set for each name position.

A person is written in it by a few coefficients: vector n of a person is ``mean[n] + coefficients[n] @ axes[n]``.

Source: Yuan et al., "Inserting Anybody in Diffusion Models via Celeb Basis" (2023), section 3.2.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ldm.files import atomic_path
from ldm.modules.names import flat_column, names_hash, read_names, token_columns, tokenizer_id
from ldm.modules.principal import principal_components

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BasisOrigin:
    """Where a basis came from; kept in its file.

    Attributes:
        names_hash: stands for the names as used (``names_hash`` of ldm.modules.names), empty if unknown.
        tokenizer_id: stands for the tokenizer's vocabulary, empty if unknown.
        ranks: numerical rank of each position's matrix; axes past it are arbitrary. Empty if unknown.
        options: the options it was built with.
    """

    names_hash: str = ""
    tokenizer_id: str = ""
    ranks: tuple[int, ...] = ()
    options: Mapping[str, bool | int | str] = field(default_factory=dict)


class CelebBasis(nn.Module):
    """Mean (E, D), orthonormal axes (E, K, D) and the names' own scale ``sigma`` (E, K) along each axis.

    The tensors are buffers outside the state dict: a basis lies once beside a run (:meth:`save`), and checkpoints name
    it by :attr:`hash`.
    """

    mean: Tensor
    axes: Tensor
    sigma: Tensor | None

    def __init__(self, mean: Tensor, axes: Tensor, sigma: Tensor | None, origin: BasisOrigin | None = None) -> None:
        super().__init__()
        num_vectors, num_components, width = axes.shape
        wrong = mean.shape != (num_vectors, width) or (sigma is not None and sigma.shape != axes.shape[:2])
        if wrong:
            raise ValueError(
                f"mean {tuple(mean.shape)}, axes {tuple(axes.shape)} and sigma "
                f"{None if sigma is None else tuple(sigma.shape)} do not fit (E, D), (E, K, D) and (E, K)"
            )
        self.register_buffer("mean", mean.float().contiguous(), persistent=False)
        self.register_buffer("axes", axes.float().contiguous(), persistent=False)
        self.register_buffer("sigma", None if sigma is None else sigma.float().contiguous(), persistent=False)
        self.num_vectors, self.num_components, self.width = num_vectors, num_components, width
        self.origin = origin or BasisOrigin()
        self.hash = _hash(self.mean, self.axes)

    def vectors(self, coefficients: Tensor) -> Tensor:
        """Token vectors (..., E, D) of ``coefficients`` (..., E, K), in the basis's own precision."""
        with torch.autocast(coefficients.device.type, enabled=False):
            moved = torch.einsum("...ek,ekd->...ed", coefficients.to(self.axes.dtype), self.axes)
            return self.mean + moved

    def project(self, vectors: Tensor) -> Tensor:
        """Coefficients (..., E, K) whose vectors are nearest to ``vectors`` (..., E, D)."""
        with torch.autocast(vectors.device.type, enabled=False):
            return torch.einsum("...ed,ekd->...ek", vectors.to(self.axes.dtype) - self.mean, self.axes)

    def names_scale(self) -> Tensor:
        """``sigma`` (E, K), the standard deviation of the names along each axis; 0 past the rank.

        Raises:
            ValueError: the basis came from a legacy tensor, which has none.
        """
        if self.sigma is None:
            raise ValueError(
                f"basis {self.hash} was read from a legacy tensor, which does not hold the names' own scale: "
                "build it anew from celeb_txt, or take scale: unit"
            )
        return self.sigma

    def require(self, other_hash: str, what: str) -> None:
        """Nothing, if ``what`` was made with this basis.

        Raises:
            ValueError: it was made with another: the same numbers would mean another face.
        """
        if other_hash != self.hash:
            raise ValueError(
                f"{what} belongs to basis {other_hash or '(not named)'}, but the basis here is {self.hash}: take the "
                "basis file stored in the run it came from (checkpoints/basis-<hash>.safetensors)"
            )

    def save(self, path: Path) -> None:
        """Write tensors and origin to a .safetensors file, atomically."""
        tensors = {"mean": self.mean, "axes": self.axes}
        if self.sigma is not None:
            tensors["sigma"] = self.sigma
        metadata = {"format": "celeb-basis", "hash": self.hash, "origin": json.dumps(asdict(self.origin))}
        metadata["num_components"] = str(self.num_components)
        with atomic_path(path) as temporary:
            save_file({k: v.detach().cpu().float().contiguous() for k, v in tensors.items()}, temporary, metadata)

    @classmethod
    def load(cls, path: Path) -> "CelebBasis":
        """The basis that :meth:`save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is no basis file, or its numbers are not those its hash was taken of.
        """
        if not path.is_file():
            raise FileNotFoundError(f"basis file {str(path)!r} is not there")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise ValueError(f"{path.name} is not a readable .safetensors file: {error}") from error
        if metadata.get("format") != "celeb-basis" or tensors.keys() - {"sigma"} != {"mean", "axes"}:
            raise ValueError(f"{path.name} is no celeb basis: it holds {sorted(tensors)}, not mean, axes and sigma")
        origin = json.loads(metadata["origin"])
        origin["ranks"] = tuple(origin["ranks"])
        basis = cls(tensors["mean"], tensors["axes"], tensors.get("sigma"), BasisOrigin(**origin))
        if basis.hash != metadata["hash"]:
            raise ValueError(f"{path.name} is damaged: its hash is {basis.hash}, its header says {metadata['hash']}")
        return basis

    def to_legacy(self) -> Tensor:
        """The published layout (E, 1 + K, D): row 0 the mean, then the axes."""
        return torch.cat([self.mean[:, None], self.axes], dim=1)

    @classmethod
    def from_legacy(cls, tensor: Tensor) -> "CelebBasis":
        """A basis of the published layout (E, 1 + K, D), without the names' own scale.

        Raises:
            ValueError: the shape is another, or the rows after the first are not orthonormal.
        """
        if tensor.ndim != 3 or tensor.shape[1] < 2:
            raise ValueError(f"a legacy celeb basis is (E, 1 + K, D), not {tuple(tensor.shape)}")
        mean, axes = tensor[:, 0].float(), tensor[:, 1:].float()
        gram = axes @ axes.transpose(1, 2)
        worst = float((gram - torch.eye(axes.shape[1], device=axes.device)).abs().max())
        if not worst < 1e-2:  # fp16 files stay within 1e-3
            raise ValueError(
                f"rows 1 to {axes.shape[1]} of the legacy celeb basis are not orthonormal (off by {worst:.2g})"
            )
        return cls(mean, axes, None)


def basis_of_columns(
    token_table: Tensor,
    columns: list[list[int]],
    n_components: int | Literal["auto"],
    origin: BasisOrigin | None = None,
) -> CelebBasis:
    """The basis whose n-th set of axes comes from the token vectors of ``columns[n]``.

    ``token_table`` is (V, D); "auto" takes the smallest rank of the columns. More than a column's rank is kept, with
    a warning, as in the published settings (512 over rank 408).
    """
    if isinstance(n_components, str) and n_components != "auto":
        raise ValueError(f"n_components is {n_components!r}; it takes a number or 'auto'")
    rows = [token_table[torch.tensor(column)] for column in columns]
    asked = None if n_components == "auto" else int(n_components)
    parts = [principal_components(row, asked) for row in rows]
    ranks = tuple(part[3] for part in parts)
    num_components = min(ranks) if asked is None else asked
    for position, rank in enumerate(ranks, start=1):
        if num_components > rank:
            logger.warning(
                "n_components is %d, but the names span %d directions at position %d: the last %d axes there are "
                "arbitrary, so coefficients are worth nothing without the basis file of their run",
                *(num_components, rank, position, num_components - rank),
            )
    mean = torch.stack([part[0] for part in parts])  # (E, D)
    axes = torch.stack([part[1][:num_components] for part in parts])  # (E, K, D)
    sigma = torch.stack([part[2][:num_components] for part in parts])  # (E, K)
    known = origin or BasisOrigin()
    return CelebBasis(mean, axes, sigma, BasisOrigin(known.names_hash, known.tokenizer_id, ranks, known.options))


def build_celeb_basis(
    token_table: Tensor,
    tokenizer: "CLIPTokenizer",
    celeb_txt: Path | str,
    n_components: int | Literal["auto"] = "auto",
    num_embeds_per_token: int = 2,
    rm_repeats: bool = True,
    rm_token_repeats: bool = False,
    use_flatten: bool = False,
) -> CelebBasis:
    """The celeb basis of a names file, from the raw token vectors ``token_table`` (V, D) of a text encoder.

    Args:
        token_table: the weight of the token embedding.
        tokenizer: the one that belongs to it.
        celeb_txt: names, one a line (``read_names``).
        n_components: axes a position, or "auto" for the smaller numerical rank over the positions.
        num_embeds_per_token: E, vectors a person takes.
        rm_repeats: count a repeated line once.
        rm_token_repeats: count a repeated token of a position once, instead of by frequency.
        use_flatten: one basis from the tokens of all positions, used for each of the E vectors.
    """
    names = read_names(celeb_txt, rm_repeats)
    options: dict[str, bool | int | str] = {
        "n_components": n_components,
        "num_embeds_per_token": num_embeds_per_token,
        "rm_repeats": rm_repeats,
        "rm_token_repeats": rm_token_repeats,
        "use_flatten": use_flatten,
    }
    origin = BasisOrigin(names_hash(names), tokenizer_id(tokenizer), (), options)
    if not use_flatten:
        columns = token_columns(names, tokenizer, num_embeds_per_token, rm_token_repeats)
        return basis_of_columns(token_table, columns, n_components, origin)
    one = basis_of_columns(token_table, [flat_column(names, tokenizer, rm_token_repeats)], n_components, origin)
    mean, axes, sigma = (
        part.repeat_interleave(num_embeds_per_token, 0) for part in (one.mean, one.axes, one.names_scale())
    )
    ranks = one.origin.ranks * num_embeds_per_token
    return CelebBasis(mean, axes, sigma, BasisOrigin(origin.names_hash, origin.tokenizer_id, ranks, options))


def _hash(mean: Tensor, axes: Tensor) -> str:
    """16 hex digits of the bytes of both, as little-endian float32."""
    digest = hashlib.sha256()
    for tensor in (mean, axes):
        digest.update(tensor.detach().cpu().numpy().astype("<f4").tobytes())
    return digest.hexdigest()[:16]
