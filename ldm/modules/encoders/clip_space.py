"""A picture's own vector as the condition, and a text's in its place: the common space of a CLIP model.

Source: face-diffusion trains its UNet on CLIP's vectors of the pictures, which need no captions, and prompts it with
CLIP's vectors of texts.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ldm.batch import Conditioning, EmbeddingEdit, Tokens
from ldm.config import Injected
from ldm.modules.placeholders import tokenize

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""CLIP's mean and deviation of pixels in [0, 1]."""


class ClipSpaceEmbedder(nn.Module):
    """Prompts and pictures to one context token (N, 1, D) of a CLIP model; an empty prompt is the zero vector.

    The model's own tokenizer and text encoder stay beside it unused, so that what a run exports is whole.

    Args:
        tokenizer: the model's.
        text_encoder: the model's.
        clip: folder of a transformers ``CLIPModel`` with its tokenizer, for example laion's ViT-B-32 (D is 512).
        normalize: scale every vector to length 1; face-diffusion did not.

    Raises:
        FileNotFoundError: ``clip`` is no such folder.
    """

    celeb_basis = None

    def __init__(
        self, tokenizer: Injected[Any], text_encoder: Injected[nn.Module], clip: Path, normalize: bool = False
    ) -> None:
        super().__init__()
        from transformers import CLIPModel, CLIPTokenizer

        if not (Path(clip) / "config.json").is_file():
            raise FileNotFoundError(f"cond_stage_config: clip: {clip} is no folder of a transformers CLIP model")
        self.tokenizer, self.transformer, self.normalize = tokenizer, text_encoder, normalize
        self.clip: Any = CLIPModel.from_pretrained(clip, local_files_only=True).eval()
        self.clip_tokenizer: Any = CLIPTokenizer.from_pretrained(clip, local_files_only=True)
        self.name = f"{Path(clip).name}{' normalized' if normalize else ''}"

    @property
    def picture_side(self) -> str:
        """The name with a hash of the weights that see pictures: equal ones give equal vectors of pictures."""
        digest = hashlib.sha256()
        for part in (self.clip.vision_model, self.clip.visual_projection):
            for name, value in sorted(part.state_dict().items()):
                digest.update(name.encode() + value.detach().cpu().to(torch.float16).contiguous().numpy().tobytes())
        return f"{self.name} {digest.hexdigest()[:16]}"

    @property
    def width(self) -> int:
        """D, which the UNet's cross-attention must have."""
        return int(self.clip.config.projection_dim)

    @property
    def max_length(self) -> int:
        """Prompt length in tokens, begin and end included."""
        return int(self.clip.config.text_config.max_position_embeddings)

    def tokenize(self, prompts: Sequence[str]) -> Tokens:
        """Ids (B, L) on the CPU by CLIP's own tokenizer; there are no slots: nobody is put into a picture's vector.

        Raises:
            PromptTooLongError: a prompt does not fit; it is named, with its length.
        """
        ids = tokenize(self.clip_tokenizer, prompts, self.max_length)
        return Tokens(ids, torch.full_like(ids, -1))

    def forward(self, tokens: Tokens, edit: EmbeddingEdit | None = None) -> Conditioning:
        """Context (B, 1, D) of tokenized prompts."""
        ids = tokens.ids.to(self.clip.device)
        vectors = self._scaled(self.clip.get_text_features(input_ids=ids).pooler_output)
        said = ids[:, 1] != self.clip_tokenizer.eos_token_id  # an empty prompt ends where it begins
        return Conditioning(context=(vectors * said[:, None])[:, None])

    def with_pictures(self, embeddings: Tensor, captions: Sequence[str]) -> Conditioning:
        """Context (B, 1, D): a picture's vector, or the caption's where it is zero; zero where the caption is empty."""
        told = self(self.tokenize(captions)).context[:, 0]
        said = torch.tensor([bool(caption) for caption in captions], device=told.device)[:, None]
        pictured = embeddings.to(told)
        chosen = torch.where(pictured.any(1, keepdim=True), pictured, told)
        return Conditioning(context=(chosen * said)[:, None])

    @torch.no_grad()
    def embed_pictures(self, images: Tensor) -> Tensor:
        """(N, D) vectors of pictures (N, 3, H, W) in [-1, 1]."""
        side = int(self.clip.config.vision_config.image_size)
        images = images.to(self.clip.device)
        if images.shape[-1] != side:
            images = F.interpolate(images, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
        mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (MEAN, STD))
        pixels = ((images.clamp(-1, 1) + 1) / 2 - mean) / std
        return self._scaled(self.clip.get_image_features(pixel_values=pixels).pooler_output)

    def _scaled(self, vectors: Tensor) -> Tensor:
        return F.normalize(vectors, dim=-1) if self.normalize else vectors
