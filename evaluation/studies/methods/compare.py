"""``python -m ldm study methods``: every method by its own config on the same people: likeness, drift, size, cost."""

import json
from collections.abc import Sequence

from evaluation.scripts import ROOT
from evaluation.studies.document import markdown_table
from evaluation.studies.methods.arms import methods
from evaluation.studies.methods.cells import Cells
from evaluation.studies.methods.pages import pareto, sheet, table, write_pages
from evaluation.studies.methods.results import Result, shown, word
from evaluation.studies.methods.run import Found, Request, command_of, run, seeds_of
from ldm.files import write_text
from ldm.runs.png import save_png

PAGE = ROOT / "docs" / "studies" / "methods.md"
PAIRS = (
    ("DreamBooth", "DreamBooth without class pictures"),
    ("DreamBooth, text encoder too", "DreamBooth"),
    ("celeb basis + LoRA", "celeb basis"),
    ("pivotal", "LoRA"),
    ("pivotal", "textual inversion"),
)
"""What is compared in words: the first less the second."""


def study(request: Request, keys: Sequence[str] | None) -> None:
    """Fill the cells, and write what came out.

    Raises:
        ValueError: there is no such arm; those there are, are listed.
    """
    arms = methods()
    if unknown := [key for key in keys or () if key not in {arm.key for arm in arms}]:
        raise ValueError(f"there is no arm {unknown[0]!r}; there are {', '.join(repr(arm.key) for arm in arms)}")
    chosen = [arm for arm in arms if not keys or arm.key in keys or arm.config is None]
    found = run(request, chosen)
    sheets = []
    for person in found.people:
        sheets.append(request.out / f"grid-{person.name}.png")
        save_png(sheets[-1], sheet(found.results, found.cells, person.name), {"person": person.name})
    lead = f"{len(found.people)} people, {seeds_of(request)}, judge {found.eyes.judge.name}."
    page = write_pages(request.out, "Methods", lead, found.results, sheets)
    print(f"{table(found.results)}\n\n{files(found)}\n\n{differences(found.results)}\n\nAll pictures: {page}")
    if request.document:
        pareto(found.results, PAGE.with_suffix(".png"))
        write_text(PAGE, page_of(found, request, keys))
        print(f"wrote {PAGE.relative_to(ROOT)}")


def differences(results: Sequence[Result]) -> str:
    """The comparisons of ``PAIRS`` whose arms are there, at their last looks."""
    last = {one.arm.key: one for one in results}
    lines = []
    for first, second in PAIRS:
        if first in last and second in last:
            said = [(measure, last[first].less(last[second], measure))
                    for measure in ("identity", "obedience", "class identity", "class distance")]  # fmt: skip
            words = "; ".join(f"{measure} {shown(value, sign=True)}, {word(value)}" for measure, value in said)
            lines.append(f"* {first} less {second}: {words}.")
    return "\n".join(lines)


def files(found: Found) -> str:
    """How large the files to share are, and how long they take to be read."""
    rows = []
    for key in dict.fromkeys(one.arm.key for one in found.results):
        kept = Cells(found.cells.folder).file(key, "", 0, 0).with_name("files.json")
        if kept.is_file():
            one = json.loads(kept.read_text(encoding="utf-8"))
            rows.append([key, f"{one['bytes'] / 1000:,.1f} kB", f"{one['load_s']:.2f} s"])
    return markdown_table(["", "files to share", "read in (CPU)"], rows)


def page_of(found: Found, request: Request, keys: Sequence[str] | None) -> str:
    """The text of docs/studies/methods.md."""
    return f"""# The methods side by side

```
{command_of("methods", request, {"arm": list(keys or ())})}
```
With `{request.sd.as_posix()}`: every method by its own config, as a user runs it.
{len(found.people)} people, each learned from {len(found.people[0].learned)} photos and known to the judge by
{len(found.people[0].known)} others; {seeds_of(request)}. What the columns mean stands in
[lora_rank.md](lora_rank.md): class identity is the likeness of "a photo of a person" to the person learned, class
distance how far these pictures moved from those of the untouched model: what prior preservation is for. Obedience:
{found.obedience()}

{table(found.results)}

![identity and obedience](methods.png)

## Differences

{differences(found.results)}

## Files

{files(found)}
"""
