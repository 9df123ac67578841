"""Choose the names whose words span the celeb basis."""

from pathlib import Path
from typing import Annotated

import typer

PART = (
    "No judge was named: {judge} looked, which is not held out if its network had a part in training {sd} (SFace had "
    "in training weights/embedded). --judge NET.onnx:imagenet takes another."
)

app = typer.Typer(no_args_is_help=True, help="Choose the names whose words span the celeb basis.")


@app.callback()
def names() -> None:
    """Choose the names whose words span the celeb basis."""


@app.command("filter")
def filter_names(
    names: Annotated[Path, typer.Argument(metavar="LIST", help="A text file with one name a line.")],
    sd: Annotated[Path, typer.Option(help="The weights that shall know them.")],
    judge: Annotated[
        str | None,
        typer.Option(help="dlib, glint360k, a pack, FILE.onnx:imagenet: who tells faces apart, and took no part."),
    ] = None,
    each: Annotated[int, typer.Option(min=2, help="Pictures of each name.")] = 4,
    prompt: Annotated[str, typer.Option(help="What is drawn; {} is where the name stands.")] = "a photo of {}",
    min_detected: Annotated[float, typer.Option(min=0, max=1, help="Share of pictures with a face.")] = 0.75,
    min_consistency: Annotated[
        float | None, typer.Option(help="Cosine between a name's pictures; default: the judge's median of strangers.")
    ] = None,
    min_distinct: Annotated[
        float, typer.Option(min=0, max=1, help="Share of other names that a name must be told from; .5 is chance.")
    ] = 0.9,
    first: Annotated[int | None, typer.Option(min=2, help="Only so many names, the first of the list.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first picture of each name.")] = 42,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the sampler.")] = 12,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, dpm++, euler, pndm, ddpm; default: the model's.")] = None,
    ema: Annotated[bool, typer.Option("--ema", help="Of a file with two sets of weights, the averaged one.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures drawn at a time.")] = 16,
    out: Annotated[
        Path | None, typer.Option(help="Where it goes; default: outputs/names/LIST. It goes on there.")
    ] = None,
) -> None:
    """Draw each name and keep those that give a face, the same one each time, and another one than other names do.

    Writes names.txt with comments that say how (celeb_txt takes it), control.txt (as many names drawn by chance, to
    compare with), and report.html: a contact sheet of names kept and left out, with reasons.

    Examples:

      python -m ldm names filter infer_images/names.txt --sd weights/embedded --judge NET.onnx:imagenet

      python -m ldm study celeb_basis --photos LFW --judge NET.onnx:imagenet --arms ours
      --difference filtered:model.params.cond_stage_config.params.celeb_txt=outputs/names/names/names.txt
    """
    from evaluation.judges import calibration, load_judge
    from evaluation.name_filter import Limits, judge_names, report
    from evaluation.report import write_report
    from ldm.commands.bars import bar
    from ldm.files import require_writable
    from ldm.modules.names import read_names
    from ldm.runs.draw import DrawSettings
    from ldm.runs.name_pictures import Asked, as_many, block_of, describe, draw_names, write_names
    from ldm.weights.read import read_defaults

    listed = read_names(names)[:first]
    folder = out or Path("outputs/names") / names.stem
    require_writable(folder)
    looking = load_judge(judge or "auto")
    known = calibration(looking)
    strength = read_defaults(sd).guidance_scale if guidance is None else guidance
    settings = DrawSettings(each, seed, steps, strength, batch_size=batch_size)
    asked = Asked(listed, sd, prompt, settings, sampler, ema)
    with bar("draw", len(listed)) as advance:
        rows = draw_names(asked, folder, advance)
    with bar("judge", len(listed)) as advance:
        faces = describe(rows, each, looking, folder, advance)
    limits = Limits(min_detected, known.stranger if min_consistency is None else min_consistency, min_distinct)
    verdicts = judge_names(listed, faces, limits)
    kept = [one.name for one in verdicts if one.kept]
    told = {"list": names.name, "judge": looking.name, "weights folder": sd.as_posix(), **asked.about()}
    blocks = {name: block_of(path, each) for name, path in rows.items()}
    notices = () if judge else (PART.format(judge=looking.name, sd=sd.as_posix()),)
    page = write_report(folder, report(f"Names: {names.stem}", verdicts, blocks, limits, told, notices))
    for notice in notices:
        print(f"note: {notice}")
    print(f"{len(kept)} of {len(listed)} names are kept; why the others are not, and all pictures: {page}")
    if not kept:
        raise ValueError("no name is kept: the model knows none of them, or the limits are too high")
    how = [
        f"{len(kept)} of the {len(listed)} names in {names.name}, by python -m ldm names filter",
        f"{each} pictures each by {prompt!r} (seed {seed}, {steps} steps, guidance {strength:g}) with {sd.as_posix()}",
        f"judged by {looking.name}: a face in at least {limits.detected:.0%}, consistency at least "
        f"{limits.consistency:.3f}, distinctness at least {limits.distinctness:.2f}",
    ]
    write_names(folder / "names.txt", kept, how)
    chance = f"{len(kept)} of the {len(listed)} names in {names.name}, drawn by chance: the control of names.txt"
    write_names(folder / "control.txt", as_many(listed, len(kept)), [chance])
    print(f"wrote {folder / 'names.txt'} and {folder / 'control.txt'}")
