"""From a face vector to coefficients on the celeb basis, and the memory of what they were while learning."""

import torch
import torch.distributed as dist
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

NEGATIVE_SLOPE = 0.2
"""Of the leaky rectifiers, as published."""


class IdentityMemory(nn.Module):
    """De-biased running mean of each person's coefficients: all that generation needs.

    Args:
        max_ids: how many people it has room for.
        num_vectors: E.
        num_components: K.
        momentum: what one update keeps of the mean before.
    """

    total: Tensor  # (max_ids, E, K)
    weight: Tensor  # (max_ids,) 1 - momentum ** updates: what the total lacks of a mean

    def __init__(self, max_ids: int, num_vectors: int, num_components: int, momentum: float) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum is {momentum}; it lies from 0 up to, but not including, 1")
        self.momentum = momentum
        self.register_buffer("total", torch.zeros(max_ids, num_vectors, num_components))
        self.register_buffer("weight", torch.zeros(max_ids))

    @property
    def room(self) -> int:
        """How many people fit in."""
        return len(self.weight)

    @torch.no_grad()
    def update(self, ids: Tensor, coefficients: Tensor) -> None:
        """Move the means of the people ``ids`` (N,) towards their ``coefficients`` (N, E, K).

        An id of -1 is nobody. One who appears n times moves once, by 1 - momentum ** n towards the mean of the n
        values, so that neither their order nor their spread over processes matters. In distributed training every
        process must call this at every step, be it with no ids: the processes exchange what they saw.

        Raises:
            IndexError: an id is not below ``max_ids``. Looked at on the CPU only, where it does not make a device wait:
                the data set has counted its people before.
        """
        ids, coefficients = gather_people(ids.to(self.weight.device), coefficients.detach().to(self.total))
        if ids.device.type == "cpu" and len(ids) and (highest := int(ids.max())) >= self.room:
            raise IndexError(
                f"person {highest} has no place: max_ids is {self.room}, so people are 0 to {self.room - 1}"
            )
        somebody = ids >= 0
        ids, coefficients = ids.clamp_min(0), torch.where(somebody[:, None, None], coefficients, 0)
        seen = torch.zeros_like(self.weight).index_add_(0, ids, somebody.to(self.weight))
        means = torch.zeros_like(self.total).index_add_(0, ids, coefficients) / seen.clamp_min(1)[:, None, None]
        moved = 1 - self.momentum**seen  # 0 for those not seen
        self.total.lerp_(means, moved[:, None, None])
        self.weight.lerp_(torch.ones_like(self.weight), moved)

    @torch.no_grad()
    def remember(self, person: int, coefficients: Tensor) -> None:
        """Take ``coefficients`` (E, K) as this person's, with the weight of a mean that has settled.

        Raises:
            IndexError: there is no place for the person.
            ValueError: the shape is another.
        """
        if not 0 <= person < len(self.weight):
            raise IndexError(f"person {person} has no place: max_ids is {len(self.weight)}")
        if coefficients.shape != self.total.shape[1:]:
            raise ValueError(f"coefficients are {tuple(coefficients.shape)}, not {tuple(self.total.shape[1:])} (E, K)")
        self.total[person] = coefficients.to(self.total)
        self.weight[person] = 1.0

    def coefficients(self, person: int) -> Tensor:
        """(E, K) of a person.

        Raises:
            LookupError: the person was never learnt; the message lists those who were.
        """
        known = self.trained()
        if person not in known:
            listed = ", ".join(map(str, known)) or "nobody"
            raise LookupError(f"person {person} has not been trained; trained: {listed}")
        return self.total[person] / self.weight[person]

    def trained(self) -> list[int]:
        """The people who were ever updated, in order."""
        return [int(person) for person in self.weight.nonzero().flatten()]


class FaceToCoefficients(nn.Module):
    """Face vectors (N, F) to coefficients (N, E, K): an affine layer and a leaky rectifier, then residual layers.

    With ``scale=None`` as published: weights start from N(0, 1) and coefficients have norm 1 over K. With a ``scale``
    they are multiples of it and start at 0, the basis mean: the last layer is affine. Over K their root mean square is
    at most 1, which is that of the names: farther out nobody lives, and what is drawn falls apart.

    Args:
        face_dim: F.
        num_vectors: E.
        num_components: K.
        depth: layers.
        scale: (E, K), the names' own deviation along each axis (``CelebBasis.names_scale``).

    Source: Yuan et al. (2023), section 3.3.
    """

    scale: Tensor | None

    def __init__(
        self, face_dim: int, num_vectors: int, num_components: int, depth: int = 1, scale: Tensor | None = None
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"meta_mlp_depth is {depth}; at least one layer leads from a face to coefficients")
        if scale is not None and scale.shape != (num_vectors, num_components):
            raise ValueError(f"scale is {tuple(scale.shape)}, not {(num_vectors, num_components)} (E, K)")
        width = num_vectors * num_components
        self.num_vectors = num_vectors
        self.layers = nn.ModuleList(nn.Linear(face_dim if i == 0 else width, width) for i in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth - 1))
        self.register_buffer("scale", None if scale is None else scale.detach().clone().float(), persistent=False)
        for layer in self.layers:
            nn.init.normal_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        if scale is not None:
            nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]

    def forward(self, faces: Tensor) -> Tensor:
        """(N, F) -> (N, E, K), in float32 whatever the precision around it."""
        with torch.autocast(faces.device.type, enabled=False):
            x = faces.float()
            for i, layer in enumerate(self.layers):
                out = layer(x if i == 0 else self.norms[i - 1](x))
                if self.scale is None or i < len(self.layers) - 1:
                    out = F.leaky_relu(out, NEGATIVE_SLOPE)
                    x = out if i == 0 else x + out
                else:
                    x = out
            coefficients = rearrange(x, "n (e k) -> n e k", e=self.num_vectors)
            if self.scale is None:
                return F.normalize(coefficients, dim=-1)
            power = coefficients.square().mean(-1, keepdim=True)  # of a name it is about 1
            return coefficients * power.clamp_min(1).rsqrt() * self.scale


def gather_people(ids: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """``ids`` (N,) and ``coefficients`` (N, E, K) of all processes together; those given where there is one.

    Processes may hold different N: the shorter ones are filled up with -1, nobody.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return ids, coefficients
    longest = torch.tensor([len(ids)], device=ids.device)
    dist.all_reduce(longest, op=dist.ReduceOp.MAX)
    short = int(longest) - len(ids)
    own_ids = F.pad(ids, (0, short), value=-1)
    own = torch.cat([coefficients, coefficients.new_zeros(short, *coefficients.shape[1:])])
    all_ids = [torch.empty_like(own_ids) for _ in range(dist.get_world_size())]
    everything = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(all_ids, own_ids)
    dist.all_gather(everything, own)
    return torch.cat(all_ids), torch.cat(everything)
