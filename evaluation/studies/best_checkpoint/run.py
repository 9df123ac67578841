"""``python -m ldm study best_checkpoint``: from the photos to the page."""

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluation.identity import require_held_out
from evaluation.judges import load_judge, strangers_percentile
from evaluation.obedience import ObedienceJudge
from evaluation.scripts import ROOT
from evaluation.studies.attribute_judge import attribute_file, attribute_judge
from evaluation.studies.best_checkpoint.cells import CONFIG, PROMPTS, SEED, Cell, Design, cell_of, fill
from evaluation.studies.best_checkpoint.results import cost, differences, table, table_of_differences, verdict
from evaluation.studies.celeb_basis import people as choice
from evaluation.studies.document import typed, without_folders
from evaluation.studies.made_of import attributes_by, digest, judged_by
from ldm.data.manifest import read_people
from ldm.files import write_json, write_text
from ldm.runs.best_mark import CHOOSER
from ldm.runs.claim import claim
from ldm.runs.train import quiet

FOLDER = ROOT / "docs" / "studies"


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes:
        photos: LFW: one folder a person.
        judge: who scores; neither conditioned nor chose.
        celeba: with human labels of attributes, for the prompt judge; None: nobody judges prompts.
        sd: the weights.
        people: how many.
        tuning: people who are never in the study.
        out: where cells go.
        document: write the page too.
    """

    photos: Path
    judge: str
    celeba: Path | None
    sd: Path
    people: int
    tuning: bool
    out: Path
    document: bool


def run(request: Request, design: Design) -> list[Cell]:
    """Learn and score whoever is not done yet, and write what came out.

    Raises:
        ValueError: there are not enough people, the judge conditioned or chose, or ``out`` holds cells of other
            settings.
    """
    quiet()
    judge, chooser = load_judge(request.judge), load_judge(CHOOSER)
    strangers_percentile(judge)
    subjects = choice.choose_subjects(request.photos, request.people, request.tuning)
    out = request.out if Path.cwd() == ROOT else request.out.absolute()
    made_of = {"weights": digest(request.sd), "config": digest(CONFIG.parent, (CONFIG.name,))}
    said_by = {"judge": judged_by(request.judge), "attributes": attributes_by(request.celeba)}
    given = {"sd": request.sd.as_posix(), "tuning": request.tuning, "seed": SEED, **asdict(design)}
    claim(out, {**given, **made_of, **said_by})
    manifest = choice.align(subjects, out)
    records = read_people(manifest)
    require_held_out([judge], {record.encoder for record in records if record.encoder} | {chooser.encoder_name})
    order = sorted({record.person for record in records})
    prompt_judge = None
    if request.celeba is not None:
        prompt_judge = ObedienceJudge(attribute_judge(request.celeba)), attribute_file(request.celeba)
    cells = []
    for number, subject in enumerate(subjects, 1):
        cell = cell_of(out / "cells", subject.name)
        if cell is None:
            place = order.index(subject.name)
            cell = fill(out / "cells", subject, place, manifest, request.sd, design, judge, prompt_judge)
        print(f"{number} of {len(subjects)}: {subject.name}, best after step {cell.marked}", flush=True)
        cells.append(cell)
    print(table(cells), table_of_differences(cells), verdict(cells), cost(cells), sep="\n\n")
    write_json(out / "results.json", {name: asdict(found) for name, found in differences(cells).items()})
    if request.document:
        print(f"wrote {write(cells, request, design, judge.name, chooser.name).relative_to(ROOT)}")
    return cells


def write(cells: list[Cell], request: Request, design: Design, judge: str, chooser: str) -> Path:
    """The page and a table of all checkpoints."""
    page = FOLDER / "best_checkpoint.md"
    write_text(page.with_suffix(".csv"), table_of_cells(cells))
    write_text(page, text(cells, request, design, judge, chooser))
    return page


def table_of_cells(cells: list[Cell]) -> str:
    """A CSV row for each person and saved step."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["person", "step", "marked", "score", "identity", "obedience", "face_found", "chooser_score"])
    for cell in cells:
        own = {look.step: f"{look.score:.4f}" for look in cell.own}
        for look in cell.scored:
            obeyed = "" if look.obedience is None else f"{look.obedience:.4f}"
            numbers = [f"{look.score:.4f}", f"{look.identity:.4f}", obeyed, f"{look.detected:.2f}"]
            rows.writerow([cell.person, look.step, int(look.step == cell.marked), *numbers, own.get(look.step, "")])
    return out.getvalue()


def command_of(request: Request, design: Design) -> str:
    """The command that gives the same numbers."""
    options: dict[str, object] = {
        "people": request.people,
        "steps": design.steps,
        "every": design.every,
        "looks": design.looks,
    }
    options |= {"each": design.each, "drawing-steps": design.drawing_steps, "share": design.share}
    given = typed(options) + (["--tuning"] if request.tuning else [])
    judge = without_folders(request.judge)
    return " ".join([f"python -m ldm study best_checkpoint --photos LFW --judge {judge}", *given])


def text(cells: list[Cell], request: Request, design: Design, judge: str, chooser: str) -> str:
    """The page."""
    prompts = ", ".join(f'"{prompt.format("sks")}"' for prompt in PROMPTS)
    obeyed = "the same networks for attributes" if request.celeba else "nobody (obedience counts as 1)"
    return f"""# Is the best checkpoint worth taking?
```
{command_of(request, design)}
```
On `{request.sd.as_posix()}`: {len(cells)} people who are in no part of the model's training, one photo each, a run a
person by `configs/stable-diffusion/celeb_basis.yaml` with `lightning.callbacks.best`. The run chooses by `{chooser}`,
which also conditions; every saved checkpoint (each {design.every} steps, and those of the Pareto list) is then scored
by `{judge}`, which neither conditioned nor chose and knows the people by their *other* photos: {design.each} pictures
by {prompts}, other seeds. Prompts are judged by {obeyed}. Who is in the study was drawn by a seed before anybody was
learned; `--tuning` takes people who are never in it.

## What came out
{verdict(cells)}

{table(cells)}

{table_of_differences(cells)}

{cost(cells)}

* score: likeness (0 is what strangers get, 1 another real photo) x obedience (as a share of what the class has); on the
  celeb basis pictures that mention nobody do not change, so there is no drift.
* oracle: the checkpoint that the scoring judge likes most. It is chosen by the very numbers it is scored with, so the
  regret is an upper bound: part of it is the noise of {design.each} pictures.
* Intervals: 95 %, bootstrap over people; differences are paired.

Every person and checkpoint: [best_checkpoint.csv](best_checkpoint.csv).
"""
