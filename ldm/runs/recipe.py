"""How weights/embedded is made: pictures, words, latents, an untrained model, and the finished folder."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from ldm.data.captions import PLAIN, PLAIN_PAIR
from ldm.data.latents import encode_store
from ldm.data.sources import Source, read_sources
from ldm.data.store import PictureStore, write_store
from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES
from ldm.data.vocabulary import words_of
from ldm.faces.align import ffhq_crop
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.photos import read_photo
from ldm.files import write_text
from ldm.weights.create import create_model
from ldm.weights.read import DEFAULTS, read_model
from ldm.weights.write import write_diffusers

logger = logging.getLogger(__name__)

PLACEHOLDERS = ("sks", "ks", "ata", "tre", "ry", "bop", "rn")
TOKEN_FROM = 2
"""A word of a name is a token of its own if it stands in the names of at least so many training pictures."""
LISTED_FROM = 5
"""A name is in the celeb basis's list if each of its words stands in the names of at least so many."""
NUM_PAIRS = 10_000

Advance = Callable[[int], object]


def make_pictures(folders: Mapping[str, Path], out: Path, size_px: int, advance: Advance) -> None:
    """Crop every face of the data sets (``{"lfw": folder, "celeba": folder}``) the FFHQ way into a picture store."""
    backend = load_backend("yunet-sface")
    lost: list[str] = []

    def crops() -> Iterator[tuple[NDArray[np.uint8], Mapping[str, Any]]]:
        for source in read_sources(dict(folders)):
            advance(1)
            crop = _central_face(backend, source, size_px)
            if crop is None:
                lost.append(source.path.name)
            else:
                yield crop, source.row

    count = write_store(out, crops(), {"sources": sorted(folders), "crop": "ffhq"})
    logger.info("%d pictures in %s; no face found in %d: %s", count, out, len(lost), ", ".join(lost[:10]))


def _central_face(backend: FaceBackend, source: Source, size_px: int) -> NDArray[np.uint8] | None:
    """The crop of the face nearest to the middle of the picture: data sets put their person there."""
    photo = read_photo(source.path)
    middle = np.array(photo.size) / 2
    faces = backend.faces(photo)
    if not faces:
        return None
    nearest = min(faces, key=lambda face: float(np.hypot(*(face.points.mean(0) - middle))))
    return np.asarray(ffhq_crop(photo, nearest.points, size_px), np.uint8)


def name_words(store: PictureStore) -> Counter[str]:
    """How many training pictures each word of a name stands for."""
    rows = [store.rows[i] for i in store.select(split="train")]
    return Counter(word for row in rows if "name" in row for word in words_of(row["name"]))


def vocabulary(store: PictureStore, common: Sequence[str]) -> list[str]:
    """The words that become single tokens: common ones, those of captions, placeholders, and words of names."""
    captions = [*TEMPLATES, *DUAL_TEMPLATES, PLAIN, PLAIN_PAIR]
    spoken = [word for caption in captions for word in words_of(caption.replace("{}", " "))]
    named = [word for word, count in name_words(store).most_common() if count >= TOKEN_FROM]
    return [word for word in dict.fromkeys([*common, *spoken, *PLACEHOLDERS, *named]) if words_of(word) == [word]]


def known_names(store: PictureStore) -> list[str]:
    """People of two or more words whose every word stands in the names of five training pictures, sorted."""
    counts = name_words(store)
    names = {store.rows[i]["name"] for i in store.select(split="train") if "name" in store.rows[i]}
    return sorted(
        name
        for name in names
        if len(words_of(name)) > 1 and all(counts[word] >= LISTED_FROM for word in words_of(name))
    )


def held_out_names(store: PictureStore) -> list[str]:
    """The people kept out of all training, sorted."""
    return sorted({store.rows[i]["name"] for i in store.select(split="held_out")})


def read_words(path: Path) -> list[str]:
    """The words of a list, any number a line, lines that begin with '#' left out."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.lower().split()]


def make_latents(pictures: Path, vae_folder: Path, out: Path) -> float:
    """Encode the training pictures and pictures of two; the latents' standard deviation."""
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(vae_folder, local_files_only=True).eval()
    if torch.cuda.is_available():
        vae = vae.cuda()
    return encode_store(vae, PictureStore(pictures), out, NUM_PAIRS)


def make_untrained(pictures: Path, vae_folder: Path, latent_std: float, config: Path, words: Path, out: Path) -> None:
    """A model folder of random weights around the trained first stage."""
    architecture = yaml.safe_load(config.read_text(encoding="utf-8"))
    create_model(out, architecture, vocabulary(PictureStore(pictures), read_words(words)), vae_folder, latent_std)


def assemble(trained: Path, vae_folder: Path, out: Path, defaults: Mapping[str, Any]) -> list[Path]:
    """The finished folder: networks from ``trained`` (a run's export), first stage, fp16 in shards under 12 MB."""
    from diffusers import AutoencoderKL

    parts = read_model(trained)
    vae = AutoencoderKL.from_pretrained(vae_folder, local_files_only=True)
    vae.register_to_config(scaling_factor=parts.vae.config.scaling_factor)
    files = write_diffusers(
        out,
        unet=parts.unet,
        vae=vae,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        scheduler=parts.scheduler,
        beside=trained,
        max_shard_size="11MB",
    )
    write_text(out / DEFAULTS, yaml.safe_dump(dict(defaults), sort_keys=False))
    return files
