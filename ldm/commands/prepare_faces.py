"""`python -m ldm prepare celeba|lfw|folder IN OUT`: a data set to a store of aligned faces, with a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ldm.data.captions import Words
    from ldm.data.sources import Source

Out = Annotated[Path, typer.Argument(metavar="OUT", help="The store to write; stopped, it goes on when called again.")]
Size = Annotated[int, typer.Option(min=16, help="Side of a picture in pixels.")]
Quality = Annotated[int, typer.Option(min=1, max=100, help="Of the packed WebP pictures; 100 is lossless.")]
Preview = Annotated[bool, typer.Option("--preview", help="Print splits and twenty captions, write nothing.")]
Pair = Annotated[str, typer.Option(help="Two words with a comma between them.")]


def celeba(
    data: Annotated[Path, typer.Argument(metavar="IN", help="CelebA: its tables and its folder of pictures.")],
    out: Out,
    size: Size = 256,
    quality: Quality = 95,
    split: Annotated[
        Literal["official", "legacy"], typer.Option(help="legacy: 40 % VAE, 60 % UNet, each 70/20/10.")
    ] = "official",
    sex_words: Pair = "man,woman",
    age_words: Annotated[str, typer.Option(help="Two words with a comma; '' tells no age.")] = "young,older",
    features: Annotated[bool, typer.Option(help="Preview captions that tell of brows, cheeks, make-up too.")] = False,
    judgements: Annotated[bool, typer.Option(help="Preview captions with Attractive, Chubby, ... too.")] = False,
    preview: Preview = False,
) -> None:
    """Align CelebA; captions come from its 40 attributes, anew for every sample of the training.

    IN holds list_attr_celeba.txt or .csv (or attributes.csv), list_eval_partition and, if there, identity_CelebA.txt;
    pictures lie in img_align_celeba/ or images/. Captions are not stored: training draws them from the attributes, with
    the words that its config names (data.params.train.params.words).

    Example: python -m ldm prepare celeba CELEBA data/faces --size 256
    """
    from ldm.data import sources
    from ldm.data.captions import Words

    sexes, ages = _pair(sex_words, "--sex-words"), _pair(age_words, "--age-words") if age_words else ("", "")
    words = Words(*sexes, *ages, features=features, judgements=judgements)
    _prepare(sources.celeba(data, split == "legacy"), out, size, quality, words, preview, {"splits": split})


def lfw(
    data: Annotated[Path, typer.Argument(metavar="IN", help="LFW: <First_Last>/*.jpg.")],
    out: Out,
    size: Size = 256,
    quality: Quality = 95,
    preview: Preview = False,
) -> None:
    """Align Labeled Faces in the Wild; captions hold the person's name.

    100 people are kept out (held_out); a third of the pictures of everybody with 20 or more is kept out too (val).

    Example: python -m ldm prepare lfw LFW data/lfw --size 128
    """
    from ldm.data import sources

    _prepare(sources.lfw(data), out, size, quality, None, preview)


def folder(
    data: Annotated[Path, typer.Argument(metavar="IN", help="Pictures; a sub-folder is a person.")],
    out: Out,
    size: Size = 256,
    quality: Quality = 95,
    preview: Preview = False,
) -> None:
    """Align any folder of pictures; captions are NAME.txt beside a picture, else the name of its sub-folder.

    Example: python -m ldm prepare folder PHOTOS data/photos --size 256 --preview
    """
    from ldm.data import sources
    from ldm.faces.photos import list_photos

    _prepare(sources.pictures_of(data, list_photos(data, leave_out=out)), out, size, quality, None, preview)


def _pair(text: str, option: str) -> tuple[str, str]:
    words = tuple(word.strip() for word in text.split(","))
    if len(words) != 2 or not all(words):
        raise ValueError(f"{option} {text!r}: write two words with a comma between them")
    return words[0], words[1]


def _prepare(
    found: Sequence["Source"],
    out: Path,
    size: int,
    quality: int,
    words: "Words | None",
    preview: bool,
    settings: dict[str, str] | None = None,
) -> None:
    """Print what would be done, or do it and write the report."""
    from collections import Counter

    from ldm.commands.bars import bar
    from ldm.data.captions import DEFAULT_WORDS
    from ldm.data.sources import require_people_apart
    from ldm.data.store import PictureStore
    from ldm.runs.face_store import make_store, some_captions

    words = words or DEFAULT_WORDS
    if preview:
        require_people_apart(found)
        print(
            *(f"{split}: {n} pictures" for split, n in Counter(s.row["split"] for s in found).most_common()), sep="\n"
        )
        print(*some_captions([source.row for source in found], words), sep="\n")
        return
    with bar("crop", len(found)) as advance:
        lost = make_store(found, out, size, advance, quality, settings)
    _report(PictureStore(out), lost, some_captions([source.row for source in found], words))


def _report(store: "object", lost: Sequence[str], captions: Sequence[str]) -> None:
    """Write OUT/report.html, and print its numbers."""
    from html import escape

    from evaluation.page import data_uri, section, write_page
    from ldm.data.store import PictureStore
    from ldm.runs.face_store import contact_sheet, shares

    assert isinstance(store, PictureStore)
    counts = shares(store)
    rows = "".join(f"<tr><td>{escape(s)}</td><td>{n:,}</td><td>{p:,}</td></tr>" for s, n, p in counts)
    body = [
        f"<h1>{escape(store.folder.name)}</h1>",
        section("Splits", f"<table><tr><th>split</th><th>pictures</th><th>people</th></tr>{rows}</table>"),
        *(
            section(s, f'<img src="{data_uri(contact_sheet(store, s), lossy=True)}" alt="{escape(s)}">')
            for s, _, _ in counts
        ),
        section("Captions", "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in captions) + "</ul>"),
        section("Left out", f"<p>{escape(', '.join(lost) or 'nothing')}</p>", note="No face was found in them."),
    ]
    write_page(store.folder / "report.html", store.folder.name, body)
    for split, pictures, people in counts:
        print(f"{split}: {pictures} pictures of {people} people")
    print(f"{len(lost)} pictures without a face are left out\n{store.folder}\n{store.folder / 'report.html'}")
