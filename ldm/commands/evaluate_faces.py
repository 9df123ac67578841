"""`python -m ldm evaluate vae|unet`: a face model from nothing, measured."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Pictures = Annotated[Path, typer.Option(help="Real pictures: a store (`prepare celeba`), or any folder.")]
Split = Annotated[list[str] | None, typer.Option(help="Splits of the store, once each; default: test.")]
Document = Annotated[bool, typer.Option(help="Write the section of docs/measurements.md too.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the numbers there too.")]


def vae(
    vae: Annotated[Path, typer.Option(help="vae_gs-<step> of a run, or a model's folder.")],
    pictures: Pictures,
    split: Split = None,
    count: Annotated[int | None, typer.Option(min=1, help="At most so many pictures; all if not given.")] = None,
    size: Annotated[int | None, typer.Option(min=16, help="At this size; the first stage's own if not given.")] = None,
    judge: Annotated[list[str] | None, typer.Option(help="Whose cosine says that identity is kept; once each.")] = None,
    perceptual: Annotated[
        Literal["alex", "vgg", "none"], typer.Option(help="Net of the perceptual distance.")
    ] = "none",
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 16,
    json_file: JsonFile = None,
    document: Document = False,
) -> None:
    """How well a first stage gives pictures back: MSE (pixels in [-1, 1]), PSNR, SSIM, MS-SSIM, identity kept.

    Example: python -m ldm evaluate vae --vae weights/embedded --pictures data/faces --split test
    """
    from evaluation.studies.faces_vae import run

    net = None if perceptual == "none" else perceptual
    run(vae, pictures, split or ["test"], count, size, judge or ["yunet-sface"], net, batch_size, json_file, document)


def unet(
    pictures: Annotated[Path, typer.Option(help="A store with the people whom the model was and was not taught.")],
    run: Annotated[Path | None, typer.Option(help="The run: its folder or its name in logs/.")] = None,
    sd: Annotated[Path | None, typer.Option(help="Weights, without a run.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Of the people kept out; default: test.")] = None,
    other_split: Annotated[list[str] | None, typer.Option(help="Of the other real people; default: train.")] = None,
    count: Annotated[int, typer.Option(min=10, help="Pictures of each kind.")] = 1000,
    prompts: Annotated[
        str, typer.Option(help="captions: of the other real people's pictures; none: unconditional; or a FILE.")
    ] = "captions",
    features: Annotated[
        str, typer.Option(help="A face judge, or FILE.pt: InceptionV3 as TorchScript.")
    ] = "yunet-sface",
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the sampler; default: the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, dpm++, euler, pndm, ddpm; default: the model's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first picture.")] = 42,
    celeba: Annotated[
        Path | None, typer.Option(help="CelebA: measure obedience to attributes too, by a judge trained on its labels.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Pictures of each attribute prompt.")] = 24,
    out: Annotated[Path, typer.Option(help="Where pictures go; what is there already is not drawn again.")] = Path(
        "outputs/evaluate_unet"
    ),
    json_file: JsonFile = None,
    document: Document = False,
) -> None:
    """Do generated pictures look like pictures of real people? Do they obey?

    Fréchet distance, KID with its interval, precision and recall of generated pictures to people kept out of training,
    beside the same figures of other real people, at equal counts; Inception Score where the feature net has classes.

    Example: python -m ldm evaluate unet --sd weights/embedded --pictures data/faces --split test --celeba CELEBA
    """
    from evaluation.studies.faces_unet import Settings
    from evaluation.studies.faces_unet import run as measure

    if (run is None) == (sd is None):
        raise ValueError("give --run logs/RUN or --sd WEIGHTS, one of them")
    settings = Settings(
        splits=tuple(split or ["test"]),
        other_splits=tuple(other_split or ["train"]),
        count=count,
        prompts=prompts,
        features=features,
        num_inference_steps=steps,
        guidance_scale=guidance,
        sampler=sampler,
        seed=seed,
        each=each,
    )
    measure(run, sd, pictures, settings, celeba, out, json_file, document)
