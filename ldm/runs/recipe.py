"""How weights/embedded is made: pictures, words, latents, an untrained model, and the finished folder."""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import yaml

from ldm.data.captions import PLAIN, PLAIN_PAIR, Words, row_caption
from ldm.data.encode import encode_store
from ldm.data.sources import read_sources
from ldm.data.store import PictureStore
from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES
from ldm.data.vocabulary import words_of
from ldm.faces.aligned import AlignedFaces
from ldm.faces.encode import sface
from ldm.files import write_json, write_text
from ldm.randomness import generator
from ldm.runs.face_store import Advance, make_store
from ldm.weights.create import create_model
from ldm.weights.read import DEFAULTS, read_model
from ldm.weights.write import write_diffusers

logger = logging.getLogger(__name__)

PLACEHOLDERS = ("sks", "ks", "ata", "tre", "ry", "bop", "rn")
LISTED_FROM = 5
"""A name is in the celeb basis's list if each of its words stands in the names of at least so many."""
NUM_PAIRS = 10_000
EMBEDDED = Path("weights/embedded")
DRAWN_BY = {"guidance_scale": 3.0, "num_inference_steps": 25, "sampler": "ddim"}
"""How pictures of the embedded model are drawn where nobody says otherwise."""


def make_pictures(folders: Mapping[str, Path], out: Path, size_px: int, advance: Advance, quality: int) -> None:
    """Crop every face of the data sets (``{"lfw": folder, "celeba": folder}``) into a picture store."""
    make_store(list(read_sources(dict(folders))), out, size_px, advance, quality)


def name_words(store: PictureStore) -> Counter[str]:
    """How many training pictures each word of a name stands for."""
    rows = [store.rows[i] for i in store.training()]
    return Counter(word for row in rows if "name" in row for word in words_of(row["name"]))


def vocabulary(store: PictureStore, common: Sequence[str]) -> list[str]:
    """The words that become single tokens: common ones, those of captions, placeholders, and words of names."""
    captions = [*TEMPLATES, *DUAL_TEMPLATES, PLAIN, PLAIN_PAIR, *_spoken(store)]
    spoken = [word for caption in captions for word in words_of(caption.replace("{}", " "))]
    named = [word for word, _ in name_words(store).most_common()]
    return [word for word in dict.fromkeys([*common, *spoken, *PLACEHOLDERS, *named]) if words_of(word) == [word]]


def _spoken(store: PictureStore, count: int = 4000) -> list[str]:
    """Captions of training pictures that are told of by attributes or words of their own."""
    rows = [row for i in store.training() if "name" not in (row := store.rows[i])][:count]
    drawn = (row_caption(row, generator(0, "words", number), Words(features=True)) for number, row in enumerate(rows))
    return list(dict.fromkeys(caption for caption in drawn if caption))


def known_names(store: PictureStore) -> list[str]:
    """People of two or more words whose every word stands in the names of five training pictures, sorted."""
    counts = name_words(store)
    names = {store.rows[i]["name"] for i in store.training() if "name" in store.rows[i]}
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


def make_latents(
    pictures: Path,
    vae_folder: Path,
    out: Path,
    advance: Advance,
    num_pairs: int = 0,
    faces: bool = False,
    split: str = "train",
    num_variants: int = 2,
) -> float:
    """Encode the pictures of a split and pictures of two, where it is not done; the latents' standard deviation.

    The first stage's config gets one over it as its scaling factor. With ``faces`` a face vector of every picture lies
    beside its latents: the pictures are FFHQ crops.
    """
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(vae_folder, local_files_only=True).eval()
    if torch.cuda.is_available():
        vae = vae.cuda()
    embed = AlignedFaces(sface(torch.get_num_threads())) if faces else None
    std = encode_store(
        vae,
        PictureStore(pictures),
        out,
        num_pairs,
        split,
        num_variants=num_variants,
        embed=embed,
        embedder=embed.name if embed else "",
        advance=advance,
    )
    config = json.loads((vae_folder / "config.json").read_text(encoding="utf-8"))
    write_json(vae_folder / "config.json", {**config, "scaling_factor": 1 / std})
    return std


def make_untrained(pictures: Path, vae_folder: Path, config: Path, words: Path | None, out: Path) -> None:
    """A model folder of random weights around a trained first stage.

    Args:
        pictures: the store whose captions and names become single tokens.
        vae_folder: the first stage; its config holds the scale of its latents.
        config: the architecture: ``unet``, ``text_encoder`` and ``scheduler``.
        words: further words that become single tokens, or None.
        out: the folder.

    Raises:
        ValueError: the architecture's latents are not those of the first stage.
    """
    from diffusers import AutoencoderKL

    architecture = yaml.safe_load(config.read_text(encoding="utf-8"))
    vae = AutoencoderKL.load_config(vae_folder)
    side = vae["sample_size"] // 2 ** (len(vae["block_out_channels"]) - 1)
    wanted = (architecture["unet"]["in_channels"], architecture["unet"]["sample_size"])
    if wanted != (vae["latent_channels"], side):
        raise ValueError(
            f"{config}: its UNet takes {wanted[0]} x {wanted[1]} x {wanted[1]} latents, the first stage in "
            f"{vae_folder} gives {vae['latent_channels']} x {side} x {side}"
        )
    text, cross = architecture["text_encoder"]["hidden_size"], architecture["unet"]["cross_attention_dim"]
    if text != cross:
        raise ValueError(
            f"{config}: the text encoder's hidden_size {text} and the UNet's cross_attention_dim {cross} differ"
        )
    known = vocabulary(PictureStore(pictures), read_words(words) if words else [])
    create_model(out, architecture, known, vae_folder, 1.0 / vae["scaling_factor"])


TRIED_AT_ONCE = 8
"""Pictures a step where a CPU tries the recipe for a few steps."""
TRIED_PAIRS = 64
"""Pictures of two people where the recipe is tried."""


def training_settings(steps: int | None = None) -> list[str]:
    """Settings of every stage: ``steps`` alone where they are given, without a GPU in small batches, so that the GPU's
    recipe can be tried on any machine; and fp32 on a CPU that is slow at bf16.

    Measured on one core: with AMX bf16 products were four times as fast as fp32, with AVX-512 alone half as fast.
    """
    settings = []
    if steps is not None:
        settings += [f"lightning.trainer.max_steps={steps}", "lightning.trainer.val_check_interval=null"]
        settings.append(f"lightning.modelcheckpoint.params.every_n_train_steps={steps}")
        if not torch.cuda.is_available():
            settings += [f"data.params.batch_size={TRIED_AT_ONCE}", "data.params.num_workers=0"]
    if not torch.cuda.is_available() and "amx_bf16" not in _processor():
        settings.append("lightning.trainer.precision=32-true")
    return settings


def unet_settings(steps: int | None = None) -> list[str]:
    """Settings of the UNet's stage: not compiled where a CPU tries it, which takes minutes for a few steps."""
    return [] if steps is None or torch.cuda.is_available() else ["model.params.compile_unet=false"]


def _processor() -> str:
    """What Linux says of the processor; nothing elsewhere."""
    described = Path("/proc/cpuinfo")
    return described.read_text(encoding="utf-8") if described.is_file() else ""


def assemble(trained: Path, vae_folder: Path, out: Path) -> list[Path]:
    """The finished folder: networks from ``trained`` (a run's export), first stage, fp16 in shards under 12 MB."""
    from diffusers import AutoencoderKL

    parts = read_model(trained)
    vae = AutoencoderKL.from_pretrained(vae_folder, local_files_only=True)
    vae.register_to_config(scaling_factor=parts.vae.config.scaling_factor)
    return write_diffusers(
        out,
        unet=parts.unet,
        vae=vae,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        scheduler=parts.scheduler,
        beside=trained,
        max_shard_size="12MB",
    )


def write_lists(store: PictureStore, out: Path) -> tuple[int, int]:
    """Write the names that the model ``out`` knows, the people kept out, and its defaults; how many of both there are.

    The lists of weights/embedded lie where its users and tests look for them, those of any other model beside it.
    """
    shipped = out == EMBEDDED
    names_file = Path("infer_images/names_embedded.txt") if shipped else out / "names.txt"
    held_out_file = Path("configs/embedded/held_out_people.txt") if shipped else out / "held_out_people.txt"
    names, held_out = known_names(store), held_out_names(store)
    about = "People of the embedded model's training set whose every word stands in the names of 5 or more pictures."
    write_text(names_file, f"# {about}\n" + "\n".join(names) + "\n")
    about = "People kept out of all training of the embedded model: by hash of the name, of those with 4-19 pictures."
    write_text(held_out_file, f"# {about}\n" + "\n".join(held_out) + "\n")
    celeb_txt = "../../infer_images/names_embedded.txt" if shipped else names_file.name
    defaults = {"sample_size_px": store.size_px, **DRAWN_BY, "celeb_txt": celeb_txt}
    write_text(out / DEFAULTS, yaml.safe_dump(defaults, sort_keys=False))
    return len(names), len(held_out)
