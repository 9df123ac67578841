"""`python -m ldm study lora_rank|methods`: ways to put a person into a model, side by side."""

from pathlib import Path
from typing import Annotated

import typer

People = Annotated[Path, typer.Option(help="Several photos of each person: a sub-folder each, or 00012_id1_#2.jpg.")]
HeldOut = Annotated[str, typer.Option(help="FILE.onnx:imagenet or another net that took no part in learning.")]
Labels = Annotated[
    Path | None, typer.Option(help="CelebA with its labels, for a judge of prompts; else there is none.")
]
Clip = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="A CLIP of transformers judges prompts, of whatever they ask; not --celeba."),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT", help='Asked for, {} is the person: "a photo of {} in a forest"; once each. Hat, smile, ...'
    ),
]
HowMany = Annotated[int, typer.Option(min=1, help="How many people.")]
Seeds = Annotated[int, typer.Option(min=1, help="Seeds of training: 23, 24, ...")]
Each = Annotated[int, typer.Option(min=2, help="Pictures of the plain prompt, and of the class.")]
Asked = Annotated[int, typer.Option(min=1, help="Pictures of every prompt that asks for something.")]
DrawingSteps = Annotated[int, typer.Option(min=1, help="Steps of the sampler.")]
Weights = Annotated[Path, typer.Option(help="The weights.")]


def lora_rank(
    photos: People,
    judge: HeldOut,
    celeba: Labels = None,
    clip: Clip = None,
    prompt: Prompt = None,
    people: HowMany = 5,
    seeds: Seeds = 3,
    rank: Annotated[list[int] | None, typer.Option(min=1, help="A rank; once a rank. 2, 8, 32 if not given.")] = None,
    lr: Annotated[list[float] | None, typer.Option(help="A LoRA's learning rate; once each. 1e-3 and 4e-3.")] = None,
    full_lr: Annotated[list[float] | None, typer.Option(help="The full fine-tune's. 1e-4 and 4e-4.")] = None,
    look: Annotated[list[int] | None, typer.Option(min=1, help="Look after so many steps. 75, 150, 300.")] = None,
    each: Each = 6,
    asked: Asked = 2,
    drawing_steps: DrawingSteps = 12,
    sd: Weights = Path("weights/embedded"),
    out: Annotated[Path, typer.Option(help="Where cells go; what is there is kept.")] = Path(
        "outputs/studies/lora_rank"
    ),
    document: Annotated[bool, typer.Option(help="Write docs/studies/lora_rank.md too.")] = True,
) -> None:
    """How high a rank does a LoRA need? Rank x learning rate x steps beside a full fine-tune and the untouched model.

    Stopped, it goes on where it was. A quick look: --people 2 --seeds 1 --rank 4 --lr 4e-3 --full-lr 4e-4 --look 50
    --each 2 --asked 1 --no-document --out FOLDER. Places are for models that know some: --sd v1-5.safetensors
    --clip CLIP --prompt "a photo of {} in a forest" --prompt "a photo of {} by the sea".
    """
    from evaluation.studies.methods.arms import FULL_RATES, LOOKS, LORA_RATES, RANKS, Design
    from evaluation.studies.methods.lora_rank import study
    from evaluation.studies.methods.run import Request

    design = Design(rank or RANKS, lr or LORA_RATES, full_lr or FULL_RATES, sorted(look or LOOKS))
    trained = list(range(23, 23 + seeds))
    request = Request(
        photos, judge, celeba, sd, people, trained, each, asked, drawing_steps, out, document, clip, prompt or ()
    )
    study(request, design)


def methods(
    photos: People,
    judge: HeldOut,
    celeba: Labels = None,
    clip: Clip = None,
    prompt: Prompt = None,
    people: HowMany = 5,
    seeds: Seeds = 1,
    arm: Annotated[list[str] | None, typer.Option(help="Only this method; once each. All if not given.")] = None,
    each: Each = 6,
    asked: Asked = 2,
    drawing_steps: DrawingSteps = 12,
    sd: Weights = Path("weights/embedded"),
    out: Annotated[Path, typer.Option(help="Where cells go; what is there is kept.")] = Path("outputs/studies/methods"),
    document: Annotated[bool, typer.Option(help="Write docs/studies/methods.md too.")] = True,
) -> None:
    """DreamBooth, LoRA, textual inversion, celeb basis and their mixtures: likeness, drift of the class, size, cost.

    Stopped, it goes on where it was.
    """
    from evaluation.studies.methods.compare import study
    from evaluation.studies.methods.run import Request

    trained = list(range(23, 23 + seeds))
    request = Request(
        photos, judge, celeba, sd, people, trained, each, asked, drawing_steps, out, document, clip, prompt or ()
    )
    study(request, arm)
