"""Do a model's faces look like those of real people, and does it obey?

``python -m ldm evaluate unet`` measures, and with ``--document`` writes two sections of docs/measurements.md. The
people compared with were kept out of training, unless --split says otherwise; the same figures of other real people
stand beside, at equal counts.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.distribution import FEWEST, Likeness, likeness
from evaluation.features import FaceFeatures, FeatureNet, Inception
from evaluation.identity import FaceJudge
from evaluation.judges import load_judge
from evaluation.studies import faces_obedience
from evaluation.studies.attribute_judge import attribute_judge
from evaluation.studies.document import markdown_table, replace_section, typed, without_folders
from evaluation.studies.faces_drawn import draw, made_of, open_model, read_all
from evaluation.studies.real_pictures import RealPictures, alike, read_real
from ldm.commands.bars import bar
from ldm.data.captions import row_caption
from ldm.files import write_json
from ldm.randomness import generator
from ldm.runs.draw import pipeline_of, read_prompts

GATE_RATIO, GATE_FACELESS, GATE_SECONDS = 3.0, 0.05, 1.0


@dataclass(frozen=True)
class Settings:
    """What is drawn and compared; see the options of the command."""

    splits: tuple[str, ...] = ("test",)
    other_splits: tuple[str, ...] = ("train",)
    count: int = 1000
    prompts: str = "captions"
    features: str = "yunet-sface"
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    seed: int = 42
    each: int = 24


NAMES = {"splits": "split", "other_splits": "other_split", "num_inference_steps": "steps", "guidance_scale": "guidance"}
"""Of settings, as the command calls them where that is otherwise."""


def command_of(source: str, settings: Settings, celeba: Path | None) -> str:
    """The command that gives the same numbers, without the places of this machine."""
    usual = Settings()
    changed = {key: value for key, value in asdict(settings).items() if value != getattr(usual, key)}
    changed |= {"features": without_folders(settings.features)} if "features" in changed else {}
    given = typed({NAMES.get(key, key): value for key, value in changed.items()})
    given += ["--celeba CELEBA"] if celeba is not None else []
    return " ".join([f"python -m ldm evaluate unet {source} --pictures STORE", *given])


def feature_net(name: str) -> FeatureNet:
    """InceptionV3 from a TorchScript file (.pt), or the space of a face judge."""
    if name.endswith(".pt"):
        return Inception(Path(name))
    judge = load_judge(name)
    if not isinstance(judge, FaceJudge):
        raise ValueError(f"--features {name}: give a face backend, FILE.onnx:imagenet, or Inception as FILE.pt")
    return FaceFeatures(judge.detector, judge.encoder)


def prompts_for(wanted: str, others: RealPictures, count: int, seed: int) -> list[str]:
    """``count`` prompts: captions of the other people's pictures, nothing, or the lines of a file again and again.

    Raises:
        ValueError: nothing is known of the pictures.
    """
    if wanted == "none":
        return [""] * count
    if wanted != "captions":
        lines = read_prompts(Path(wanted))
        return [lines[n % len(lines)] for n in range(count)]
    said = [row_caption(row, generator(seed, "caption", n)) for n, row in enumerate(others.rows)]
    if not all(said):
        raise ValueError(f"nothing is known of pictures of {others.name}: give --prompts none or a file")
    return [str(said[n % len(said)]) for n in range(count)]


def run(
    run: Path | None,
    sd: Path | None,
    pictures: Path,
    settings: Settings,
    celeba: Path | None,
    out: Path,
    json_file: Path | None,
    document: bool,
) -> dict[str, Any]:
    """Draw, compare, and print.

    Args:
        run: the run, or None.
        sd: weights, without a run.
        pictures: a picture store.
        settings: what is drawn and compared.
        celeba: where CelebA is, to ask for attributes too.
        out: where pictures go.
        json_file: where the numbers go.
        document: write the sections of docs/measurements.md too.

    Raises:
        ValueError: there are too few pictures; that is said before any is drawn.
    """
    real, others = alike(
        read_real(pictures, settings.splits), read_real(pictures, settings.other_splits), settings.count
    )
    if len(real) < FEWEST:
        raise ValueError(
            f"{real.name} and {others.name} have {len(real)} pictures each of the same data sets, and a distance of "
            f"distributions needs at least {FEWEST}: name more splits with --split and --other-split, or another store"
        )
    model = open_model(run, sd)
    pipeline, net = pipeline_of(model, None, settings.sampler), feature_net(settings.features)
    prompts = prompts_for(settings.prompts, others, len(real), settings.seed)
    steps, guidance = settings.num_inference_steps, settings.guidance_scale
    about = made_of(model, run)
    paths, seconds = draw(pipeline, prompts, out, about, settings.seed, steps, guidance)
    size = int(model.sample_size_px)
    reference = net(_open(real, size))
    generated, floor = likeness(net(read_all(paths)), reference), likeness(net(_open(others, size)), reference)
    facts = {
        "model": str(model.weights_folder),
        **about,
        "settings": asdict(settings),
        "features": net.name,
        "real": real.name,
        "others": others.name,
        "people": len(real.people()),
        "people_kept_out": kept_out(real),
        "seconds": seconds,
        "generated": asdict(generated),
        "other_people": asdict(floor),
    }
    source = f"--run {run.name}" if run else f"--sd {(sd or Path()).as_posix()}"
    text, command = describe(facts, generated, floor), command_of(source, settings, celeba)
    print(text)
    if document:
        replace_section("Faces like those of real people", f"```\n{command}\n```\n{text}")
    if celeba is not None:
        judge = attribute_judge(celeba)
        answers = faces_obedience.ask(pipeline, judge, out, about, settings.each, settings.seed, steps, guidance)
        facts["attributes"] = {name: list(values) for name, values in faces_obedience.by_name(answers).items()}
        said = faces_obedience.describe(answers)
        print(said)
        if document:
            replace_section("Attributes obeyed", f"```\n{command}\n```\n{said}")
    if json_file is not None:
        write_json(json_file, facts)
    return facts


def _open(real: RealPictures, size_px: int) -> Sequence[Any]:
    with bar("read", len(real)) as advance:
        found = []
        for place in range(len(real)):
            found.append(real.open(place, size_px))
            advance(1)
    return found


def kept_out(real: RealPictures) -> bool:
    """Whether all people are of splits that nobody trains on: val may hold other pictures of people trained on."""
    return all(row.get("split") in ("test", "held_out") for row in real.rows)


def describe(facts: dict[str, Any], generated: Likeness, floor: Likeness) -> str:
    """The figures as a table, with what the gates say."""
    ratio = generated.frechet / floor.frechet if floor.frechet > 0 else float("inf")
    rows = [_row("generated", generated), _row("other real people", floor)]
    head = ["", "pictures", "Fréchet", "KID x 1,000 (95 %)", "precision", "recall", "Inception Score", "no face"]
    gates = [f"Fréchet is {ratio:.2f} times that of other real people (≤ {GATE_RATIO:g}: {_met(ratio <= GATE_RATIO)})"]
    if generated.faceless is not None:
        gates.append(
            f"{100 * generated.faceless:.1f} % of the generated pictures show no face and stay in "
            f"(≤ {100 * GATE_FACELESS:g} %: {_met(generated.faceless <= GATE_FACELESS)})"
        )
    if facts["seconds"] is not None:
        quick = f"≤ {GATE_SECONDS:g} s on one core: {_met(facts['seconds'] <= GATE_SECONDS)}"
        gates.append(f"a picture took {facts['seconds']:.2f} s ({quick})")
    apart = " kept out of training" if facts["people_kept_out"] else ""
    return (
        f"Features of {facts['features']}; compared with {facts['real']}, {facts['people']} people{apart}; "
        f"the other real people are those of {facts['others']}.\n\n{markdown_table(head, rows)}\n\n"
        f"{'. '.join(gates)}."
    )


def _row(name: str, one: Likeness) -> list[str]:
    low, high = one.kernel_interval
    score = "" if one.inception_score is None else f"{one.inception_score[0]:.2f} ± {one.inception_score[1]:.2f}"
    faceless = "" if one.faceless is None else f"{100 * one.faceless:.1f} %"
    kernel = f"{one.kernel:.3f} ({low:.3f} to {high:.3f})"
    return [
        name,
        f"{one.count:,}",
        f"{one.frechet:.4f}",
        kernel,
        f"{one.precision:.2f}",
        f"{one.recall:.2f}",
        score,
        faceless,
    ]


def _met(good: bool) -> str:
    return "met" if good else "not met"
