"""A first stage and a text side that a test can see through."""

from types import SimpleNamespace

import numpy as np
import torch

OFTEN, SELDOM = "Geörge Often", "Ada Seldom"


class Halves:
    """A first stage whose latents are the pictures, four times smaller."""

    device, dtype, config = torch.device("cpu"), torch.float32, SimpleNamespace(scaling_factor=2.0)

    def __init__(self, weight=1.0):
        self.weight, self.seen = weight, 0

    def state_dict(self):
        return {"encoder.weight": torch.tensor([self.weight]), "decoder.weight": torch.zeros(1)}

    def encode(self, images):
        self.seen += len(images)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=torch.nn.functional.avg_pool2d(images, 4)))


def picture(i):
    """Red tells which picture it is, green whether it is upright (dark left) or mirrored."""
    array = np.zeros((8, 8, 3), np.uint8)
    array[..., 0] = i
    array[:, 4:, 1] = 200
    return array


ROWS = [
    *({"name": OFTEN, "split": "train"} for _ in range(90)),
    *({"name": SELDOM, "split": "train"} for _ in range(10)),
    *({"attributes": ["Male", "Smiling"], "split": "train"} for _ in range(20)),
    {"name": "Held Out", "split": "held_out"},
]


class Stage:
    """A text side of 20 words; with a picture side: the mean colour."""

    name, width, picture_side = "colours", 3, "colours 1"

    def tokenize(self, captions):
        if long := [caption for caption in captions if len(caption.split()) > 20]:
            raise ValueError(f"the prompt {long[0]!r} has too many tokens")

    def to(self, device):
        return self

    def embed_pictures(self, images):
        return images.mean((2, 3))


def model_of(vae, size=8, width=3):
    return SimpleNamespace(
        first_stage_model=vae, sample_size_px=size, cond_stage_model=Stage(), weights_folder="weights/x",
        encode_pictures=lambda images: None, unet=SimpleNamespace(config=SimpleNamespace(cross_attention_dim=width)),
    )  # fmt: skip
