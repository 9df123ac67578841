"""Score generated pictures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ldm.commands import evaluate_au, evaluate_faces, evaluate_more, evaluate_people

app = typer.Typer(no_args_is_help=True, help="Score generated pictures.")


@app.callback()
def evaluate() -> None:
    """Score generated pictures."""


app.command()(evaluate_au.au)
app.command()(evaluate_people.personalization)
app.command()(evaluate_people.compare)
app.command()(evaluate_faces.vae)
app.command()(evaluate_faces.unet)
app.command()(evaluate_more.prior)
app.command()(evaluate_more.memorization)
app.command()(evaluate_more.groups)


@app.command()
def identity(
    pictures: Annotated[Path, typer.Option(help="Folder that `generate` made: outputs/RUN.")],
    photo: Annotated[list[str], typer.Option(help="PLACEHOLDER=PHOTO, once a person: sks=me.jpg")],
    judge: Annotated[str, typer.Option(help="auto, yunet-sface, a pack, or FILE.onnx:imagenet.")] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there too.")] = None,
) -> None:
    """Whose face is in the pictures: cosine to the people's photos, prompt by prompt.

    A picture without a detected face counts as the judge's 5th percentile between strangers. With two people in a
    prompt, `in place` counts the pictures in which the person named first stands at the left.

    Example:

      python -m ldm evaluate identity --pictures outputs/RUN --photo sks=ada.jpg --photo ks=bo.jpg
    """
    from evaluation.folder import score_prompts
    from evaluation.judges import load_judge, strangers_percentile
    from evaluation.samples import read_samples
    from ldm.faces.photos import read_photo
    from ldm.files import write_json

    photos = parse_photos(photo)
    samples = read_samples(pictures)
    looking = load_judge(judge)
    undetected = strangers_percentile(looking, min(samples[0].open().size))
    references = {}
    for placeholder, path in photos.items():
        vector = looking.vector(read_photo(path))
        if vector is None:
            raise ValueError(f"judge {looking.name} finds no face in {path}")
        references[placeholder] = vector
    rows = score_prompts(looking, samples, references, undetected)
    print(f"judge {looking.name}; a picture without a face counts as {undetected:.3f}")
    for row in rows:
        pair = f", two faces {row['two_faces']}, in place {row['assigned']}" if "assigned" in row else ""
        print(
            f"{row['identity']:6.3f} ({row['low']:.3f} to {row['high']:.3f})  face in {row['detected']} of {row['n']}"
            f"{pair}  {row['prompt']}{_drawn_of(row)}"
        )
    if json_file:
        write_json(json_file, {"judge": looking.name, "undetected": undetected, "prompts": rows})


def _drawn_of(row: dict[str, Any]) -> str:
    """After which step and of whom a row's pictures are, where that is known."""
    step = [] if row["step"] is None else [f"step {row['step']}"]
    return f"  ({', '.join([*step, *row['chosen']])})" if step or row["chosen"] else ""


def parse_photos(given: list[str]) -> dict[str, Path]:
    """``["sks=me.jpg"]`` as placeholder -> path.

    Raises:
        ValueError: not of that form, or a placeholder twice.
    """
    photos: dict[str, Path] = {}
    for text in given:
        placeholder, equals, path = text.partition("=")
        if not (placeholder and equals and path):
            raise ValueError(f"--photo {text!r}: write PLACEHOLDER=PHOTO, like sks=me.jpg")
        if placeholder in photos:
            raise ValueError(f"--photo {text!r}: {placeholder} has a photo already, {photos[placeholder]}")
        photos[placeholder] = Path(path)
    return photos
