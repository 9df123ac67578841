"""What a checkpoint of a run holds, and whether one belongs to this run."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor, nn

from ldm.modules.celeb_basis import CelebBasis

BASIS = "celeb_basis"
ADVICE = "was it made with another personalization_config?"


def basis_of(personalization: nn.Module) -> CelebBasis | None:
    """The celeb basis that a method's coefficients are on; None where it has none."""
    return next((part for part in personalization.modules() if isinstance(part, CelebBasis)), None)


def keep_only(checkpoint: dict[str, Any], kept: Collection[str], basis: CelebBasis | None = None) -> None:
    """Leave out of ``checkpoint`` what is not ``kept``: kilobytes, not gigabytes. The ``basis`` is named in it."""
    if basis is not None:
        origin = basis.origin
        checkpoint[BASIS] = {"hash": basis.hash, "names": origin.names_hash, "tokenizer": origin.tokenizer_id}
    if "state_dict" in checkpoint:  # DeepSpeed keeps its own
        state = checkpoint["state_dict"].items()
        checkpoint["state_dict"] = {key: value for key, value in state if key in kept}


def require_kept(
    checkpoint: Mapping[str, Any], state: Mapping[str, Tensor], kept: Collection[str], basis: CelebBasis | None = None
) -> None:
    """Nothing, if ``checkpoint`` holds what a run keeps, in the sizes that its own ``state`` has, on its own ``basis``.

    Raises:
        KeyError: it lacks something that is kept, or holds something else.
        ValueError: something has another size, or is on another basis.
    """
    if basis is not None and BASIS in checkpoint:
        basis.require(checkpoint[BASIS]["hash"], "the checkpoint")
    if "state_dict" not in checkpoint:
        return
    given: Mapping[str, Tensor] = checkpoint["state_dict"]
    for what, names in (("lacks", set(kept) - set(given)), ("holds unknown", set(given) - set(kept))):
        if names:
            raise KeyError(f"the checkpoint {what} {len(names)} tensors, first {min(names)!r}: {ADVICE}")
    if other := sorted(name for name in kept if given[name].shape != state[name].shape):
        first = other[0]
        raise ValueError(
            f"{len(other)} tensors of the checkpoint have another size, first {first!r}: {tuple(given[first].shape)} "
            f"there, {tuple(state[first].shape)} here: {ADVICE}"
        )
