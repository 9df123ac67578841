"""The options of `generate`, in the groups that its help shows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option


def _in(panel: str, *names: str, **about: Any) -> Any:
    return Option(*names, rich_help_panel=panel, **about)


MODEL, WHAT, HOW = "Model and people", "What is drawn", "How it is drawn"
PICTURE, BETWEEN = "From a picture", "From one to the other"
FACE = "What the face does"
MORE, CONTROL = "Laid over the model", "Guided by edges, points, depth"


@dataclass(frozen=True)
class Who:
    """The model and the people that are drawn."""

    run: Annotated[
        Path | None, _in(MODEL, help="The run: its folder or its name in logs/; without it the plain model.")
    ] = None
    sd: Annotated[Path | None, _in(MODEL, help="Weights; default: those that the run was trained on.")] = None
    ema: Annotated[
        bool | None,
        _in(
            MODEL,
            "--ema/--no-ema",
            help="Of a single file with two sets of weights, the averaged or the plain one; default: as the run was "
            "trained, of the plain model the plain one.",
        ),
    ] = None
    weights: Annotated[
        Path | None,
        _in(
            MODEL,
            help="A checkpoint, or a folder of them (also a run's): all are drawn, and one grid has a row for each.",
        ),
    ] = None
    step: Annotated[
        str, _in(MODEL, help="Training steps, counted from 0: one, several like 199,399, last, or best (as marked).")
    ] = "last"
    people: Annotated[
        list[str],
        _in(
            MODEL,
            help="Who is sks, ks, ...: places in the order of training like 0,1; a negative one is the first again. "
            "May be given several times; default: all.",
        ),
    ] = field(default_factory=list)
    photo: Annotated[
        list[Path],
        _in(
            MODEL,
            help="A photo of sks, then one of ks, ...: people whom the run has not learned; of a run with test_mode "
            "image or all. May be given several times.",
        ),
    ] = field(default_factory=list)
    mean: Annotated[bool, _in(MODEL, "--mean", help="Everybody at the basis mean: what is drawn of nobody.")] = False


@dataclass(frozen=True)
class What:
    """The prompts."""

    prompt: Annotated[list[str], _in(WHAT, help="What to draw; may be given several times.")] = field(
        default_factory=list
    )
    prompts: Annotated[Path | None, _in(WHAT, help="File with one prompt a line.")] = None
    unconditional: Annotated[bool, _in(WHAT, "--unconditional", help="Draw without a prompt.")] = False
    negative: Annotated[str, _in(WHAT, help="What shall not be seen.")] = ""


@dataclass(frozen=True)
class How:
    """Number, noise, sampler and size."""

    n: Annotated[int, _in(HOW, "--n", "-v", "--variations", min=1, help="Pictures of each prompt.")] = 8
    seed: Annotated[int, _in(HOW, min=0, help="Seed of the first picture of each prompt; the next has the next.")] = 42
    steps: Annotated[int | None, _in(HOW, min=1, help="Steps of the sampler; default: the model's.")] = None
    guidance: Annotated[float | None, _in(HOW, min=0, help="Strength of the prompt; default: the model's.")] = None
    sampler: Annotated[str | None, _in(HOW, help="ddim, dpm++, euler, pndm, ddpm; default: the model's.")] = None
    hw: Annotated[str | None, _in(HOW, help="Height x width in pixels like 512x768; default: the model's.")] = None
    batch_size: Annotated[int, _in(HOW, min=1, help="Pictures drawn at a time.")] = 8


@dataclass(frozen=True)
class FromPicture:
    """The picture to begin with."""

    init_image: Annotated[Path | None, _in(PICTURE, help="Begin with this picture instead of noise.")] = None
    strength: Annotated[
        float | None, _in(PICTURE, help="How much of it is given up, in (0, 1]; default: 0.75, with a mask 1.")
    ] = None
    mask: Annotated[
        Path | None, _in(PICTURE, help="Picture of the same size: only where it is white something new is drawn.")
    ] = None
    feather: Annotated[
        float | None, _in(PICTURE, min=0, help="New and old are mixed over so many pixels; default: a 64th of a side.")
    ] = None


@dataclass(frozen=True)
class Between:
    """Two ends, and how many pictures lie between them."""

    interpolate: Annotated[
        Literal["seeds", "prompts", "people"] | None,
        _in(
            BETWEEN,
            help="Draw the way from --seed to --to-seed, from one --prompt to the next, or from one --people to the "
            "next: a strip and a GIF.",
        ),
    ] = None
    to_seed: Annotated[int | None, _in(BETWEEN, min=0, help="Where seeds end; default: the one after --seed.")] = None
    frames: Annotated[int, _in(BETWEEN, min=2, help="Pictures from one end to the other, both counted.")] = 9


@dataclass(frozen=True)
class AddOns:
    """LoRAs and learned words."""

    lora: Annotated[
        list[str],
        _in(MORE, help="A LoRA of diffusers, PEFT or kohya, as FILE or FILE:WEIGHT; may be given several times."),
    ] = field(default_factory=list)
    embedding: Annotated[
        list[Path], _in(MORE, help="A textual inversion, whose <word> then can be used; may be given several times.")
    ] = field(default_factory=list)
    ignore_unmatched: Annotated[
        bool, _in(MORE, "--ignore-unmatched", help="Lay on what fits of a LoRA that does not fit as a whole.")
    ] = False


@dataclass(frozen=True)
class Control:
    """A ControlNet and what it is shown."""

    controlnet: Annotated[
        Path | None, _in(CONTROL, help="A diffusers ControlNet: its folder, or the run that trained it.")
    ] = None
    control: Annotated[
        str | None,
        _in(
            CONTROL,
            help="canny or landmarks (made of --control-image, a photo), depth or openpose (--control-image is such a "
            "picture), or the FILE of any control picture.",
        ),
    ] = None
    control_image: Annotated[Path | None, _in(CONTROL, help="The photo, or the picture of depth or pose.")] = None
    control_scale: Annotated[float, _in(CONTROL, min=0, help="How strongly it guides; 0 not at all.")] = 1.0


@dataclass(frozen=True)
class ActionUnits:
    """Movements of the face, by the numbers of FACS."""

    au: Annotated[
        str | None, _in(FACE, help='Action units and how strong they are, 0 to 5: "12=3,6=2"; R14 is the right side.')
    ] = None
    au_preset: Annotated[
        str | None, _in(FACE, help="happiness, sadness, surprise, fear, anger, disgust, contempt or neutral.")
    ] = None
    au_sweep: Annotated[str | None, _in(FACE, help="One action unit at every intensity: 12=0..5, with a GIF.")] = None
    au_words: Annotated[
        Literal["sentence", "phrase", "code", "index"], _in(FACE, help="How prompts say it: as the captions did.")
    ] = "sentence"
    au_guidance: Annotated[
        float | None,
        _in(FACE, min=0, help="Strength of a vector of action units, beside the prompt's; default: as strong as that."),
    ] = None
    au_prompt: Annotated[
        str | None,
        _in(FACE, help='Whose movement a vector takes: "a photo of a face" for people; default: that of the prompt.'),
    ] = None
