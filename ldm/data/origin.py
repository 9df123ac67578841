"""What latents are made of, as hashes: how it is known that they are those of these pictures and this first stage."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ldm.data.store import PictureStore

MAX_PICTURES = 60
"""Nobody counts for more pictures than this: the most famous one has 500 times as many as most."""


@dataclass(frozen=True)
class Origin:
    """What latents are made of; equal origins give equal latents.

    Attributes:
        vae: hash of the encoder's weights.
        pictures: hash of the store's pictures and rows, and of how it was made: resolution and crop among it.
        split: which pictures.
        num_variants: of each picture: upright, mirrored, then moved a little.
        num_pairs: pictures of two people.
        seed: of pairs and movements.
        embedder: what made the vectors of the pictures; empty without any.
        max_pictures: nobody counts for more of them in pairs; without pairs always the same.
    """

    vae: str
    pictures: str
    split: str
    num_variants: int
    num_pairs: int
    seed: int
    embedder: str = ""
    max_pictures: int = MAX_PICTURES

    def difference(self, made: Mapping[str, Any]) -> str:
        """In what latents that say ``made`` of themselves differ, in words; empty if in nothing.

        Earlier versions said nothing of ``max_pictures``: it was the usual number then.
        """
        mine, said = asdict(self), {"max_pictures": MAX_PICTURES, **made}
        return ", ".join(name for name in mine if said.get(name) != mine[name])


def hash_of_vae(vae: Any) -> str:
    """Of the encoder's weights, the same for float32 and float16."""
    digest = hashlib.sha256()
    for name, value in sorted(vae.state_dict().items()):
        if name.startswith(("encoder.", "quant_conv.")):
            digest.update(name.encode() + value.detach().cpu().to(torch.float16).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def hash_of_store(store: PictureStore) -> str:
    """Of the pictures (their hash stands in ``about``), what is known of them, and how they were made."""
    said = json.dumps([store.about, store.size_px, store.rows], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
