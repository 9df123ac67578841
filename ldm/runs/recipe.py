"""How weights/embedded is made: pictures, words, latents, an untrained model, and the finished folder."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from ldm.data.captions import PLAIN, PLAIN_PAIR
from ldm.data.encode import encode_store
from ldm.data.sources import read_sources
from ldm.data.store import PictureStore
from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES
from ldm.data.vocabulary import words_of
from ldm.files import write_text
from ldm.runs.face_store import Advance, make_store
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


def make_pictures(folders: Mapping[str, Path], out: Path, size_px: int, advance: Advance, quality: int) -> None:
    """Crop every face of the data sets (``{"lfw": folder, "celeba": folder}``) into a picture store."""
    make_store(list(read_sources(dict(folders))), out, size_px, advance, quality)


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
