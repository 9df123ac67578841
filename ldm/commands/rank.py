"""Look at all checkpoints of a run and mark the best."""

from pathlib import Path
from typing import Annotated

import typer


def rank(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="The run: its folder or its name in logs/.")],
    given: Annotated[Path | None, typer.Option(help="What was trained on, if the run's photos were moved.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="yunet-sface, dlib, a pack, FILE.onnx:imagenet; default: one that took no part.")
    ] = None,
    prompt_judge: Annotated[
        Path | None, typer.Option(help="Folder of CLIP, or attributes-*.safetensors of outputs/judges.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="With {} where the person stands; once a prompt; default: three of ours.")
    ] = None,
    noun: Annotated[str, typer.Option(help="What the class is called.")] = "person",
    n: Annotated[int, typer.Option(min=1, help="Pictures of each person and of the class.")] = 6,
    people: Annotated[int, typer.Option(min=1, help="At most so many people.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the first picture of each person.")] = 1_000_000,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the sampler.")] = 12,
    guidance: Annotated[float | None, typer.Option(min=0, help="Strength of the prompt; default: the model's.")] = None,
    sampler: Annotated[str, typer.Option(help="ddim, dpm++, euler, pndm, ddpm.")] = "dpm++",
    decoder: Annotated[Path | None, typer.Option(help="A small decoder (AutoencoderTiny) for large pictures.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures drawn at a time.")] = 8,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Of scores this near to the highest, the latest wins.")
    ] = 0.01,
    sd: Annotated[Path | None, typer.Option(help="Weights instead of the run's.")] = None,
    mark: Annotated[bool, typer.Option(help="Mark the best, for --step best.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="Where it goes; default: outputs/rank/RUN. It goes on there.")
    ] = None,
    log: Annotated[bool, typer.Option(help="Enter it in the run's TensorBoard and W&B too.")] = True,
) -> None:
    """Look at all checkpoints of a run and mark the best: likeness x prompt obedience - class drift.

    Celeb basis, DreamBooth, LoRA and textual inversion. Writes report.html, report.json, CSV files and grid.png. A
    checkpoint that cannot be read is named, the others are ranked, and the exit code is 1.

    Examples:

      python -m ldm rank logs/RUN

      python -m ldm rank RUN --judge NET.onnx:imagenet --prompt-judge weights/clip --n 12

      python -m ldm generate --run RUN --step best --prompt "a photo of sks"
    """
    from evaluation.prompt_judges import load_prompt_judge
    from evaluation.report import write_report
    from ldm.commands.bars import bar
    from ldm.commands.evaluate_people import log_to_run, print_report
    from ldm.files import require_writable
    from ldm.runs.draw import DrawSettings
    from ldm.runs.evaluated import EvaluatedRun
    from ldm.runs.look import PROMPTS, LookPlan
    from ldm.runs.rank import rank_run
    from ldm.runs.rank_page import judge_for, report_of, write_grid

    prompts = tuple(prompt or PROMPTS)
    if nameless := [text for text in prompts if "{}" not in text]:
        raise ValueError(f"--prompt {nameless[0]!r} names nobody: write {{}} where the person stands")
    opened = EvaluatedRun.open(run.parent if run.name == "checkpoints" else run, given)
    folder = out or Path("outputs/rank") / opened.folder.path.resolve().name
    require_writable(folder)
    settings = DrawSettings(num_samples=n, seed=seed, num_inference_steps=steps, batch_size=batch_size)
    plan = LookPlan(prompts, settings, sampler, guidance, decoder, noun)
    asks = load_prompt_judge(prompt_judge) if prompt_judge else None
    looking = judge_for(judge, opened.conditioned_by)
    with bar("rank", len(opened.folder.steps())) as advance:
        found = rank_run(opened, looking, asks, plan, folder, people, tolerance, sd, mark, advance)
    made = report_of(found, looking.encoder_name)
    page = write_report(folder, made)
    write_grid(folder / "grid.png", found)
    if log:
        log_to_run(made, opened, found.best.step, "rank")
    print_report(made, page)
    if mark:
        print(f"marked step {found.best.step} as the best: --step best takes it")
    if found.failed:
        typer.secho(f"left out, since they could not be read: {', '.join(found.failed)}", fg="red", err=True)
        raise typer.Exit(1)
