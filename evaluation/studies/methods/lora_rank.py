"""``python -m ldm study lora_rank``: how low may the rank of a LoRA be, and is it as good as training all of the UNet?

A factorial of rank x learning rate x steps, so that one can be told from the other, beside a full fine-tune at several
learning rates and the untouched model.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evaluation.scripts import ROOT
from evaluation.studies.document import markdown_table
from evaluation.studies.methods.arms import Design, factorial
from evaluation.studies.methods.pages import front, pareto, sheet, table, write_pages
from evaluation.studies.methods.results import Result, shown, word
from evaluation.studies.methods.run import Found, Request, command_of, run, seeds_of
from ldm.files import write_text
from ldm.runs.png import save_png

PAGE = ROOT / "docs" / "studies" / "lora_rank.md"
ENOUGH = 0.9
"""Share of a rank's best rise over the untouched model at which it counts as reached."""


def study(request: Request, design: Design) -> None:
    """Fill the cells, and write what came out."""
    found = run(request, factorial(design))
    out = request.out
    sheets = []
    for person in found.people:
        sheets.append(out / f"grid-{person.name}.png")
        save_png(sheets[-1], sheet(found.results, found.cells, person.name), {"person": person.name})
    pareto(found.results, out / "pareto.png")
    lead = f"{len(found.people)} people, {seeds_of(request)}, judge {found.eyes.judge.name}."
    page = write_pages(out, "LoRA: rank, learning rate, steps", lead, found.results, [*sheets, out / "pareto.png"])
    print(f"{table(found.results)}\n\n{verdict(found.results)}\n\nAll pictures and numbers: {page}")
    if request.document:
        pareto(found.results, PAGE.with_suffix(".png"))
        write_text(PAGE, page_of(found, request, design))
        print(f"wrote {PAGE.relative_to(ROOT)}")


def of_kind(results: Sequence[Result], lora: bool) -> list[Result]:
    """The LoRAs, or the full fine-tunes, at every look."""
    return [one for one in results if one.arm.config is not None and bool(one.arm.rank) == lora]


def best(results: Sequence[Result], lora: bool) -> Result:
    """The LoRA, or the full fine-tune, with the highest identity."""
    return max(of_kind(results, lora), key=lambda one: one.interval("identity").value)


def steps_to_enough(results: Sequence[Result]) -> dict[int, int | None]:
    """By rank: the fewest steps at which some learning rate has reached ``ENOUGH`` of the rank's best rise.

    None where no look shows a rise.
    """
    base = next(one for one in results if one.arm.config is None).interval("identity").value
    found: dict[int, int | None] = {}
    for rank in sorted({one.arm.rank for one in results if one.arm.rank}):
        own = [one for one in results if one.arm.rank == rank]
        rises: dict[int, float] = {}
        for one in own:
            rises[one.steps] = max(rises.get(one.steps, -np.inf), one.interval("identity").value - base)
        highest = max(rises.values())
        reached = [steps for steps, rise in sorted(rises.items()) if rise >= ENOUGH * highest]
        found[rank] = reached[0] if highest > 0 else None
    return found


def margins(results: Sequence[Result]) -> str:
    """Means of identity and obedience by each factor, over all levels of the others: what the factorial is for."""
    lora = [one for one in results if one.arm.rank]
    factors: Mapping[str, Callable[[Result], float]] = {
        "rank": lambda one: one.arm.rank,
        "learning rate": lambda one: one.arm.rate or 0.0,
        "steps": lambda one: one.steps,
    }
    rows = []
    for factor, level_of in factors.items():
        for level in sorted({level_of(one) for one in lora}):
            own = [one for one in lora if level_of(one) == level]
            means = [np.nanmean([one.values(measure).mean() for one in own]) for measure in ("identity", "obedience")]
            rows.append([f"{factor} {level:g}", *(f"{mean:.3f}" for mean in means)])
    return markdown_table(["all LoRAs with", "identity", "obedience"], rows)


def verdict(results: Sequence[Result]) -> str:
    """Best full against best LoRA, and how many steps each rank needs, in words that follow from the intervals."""
    full, lora = best(results, lora=False), best(results, lora=True)
    base = next(one for one in results if one.arm.config is None)
    lines = [
        f"* Best full fine-tune: {full.name}, identity {shown(full.interval('identity'))}; best LoRA: {lora.name}, "
        f"identity {shown(lora.interval('identity'))}; the untouched model {shown(base.interval('identity'))}.",
        f"* Both were chosen as the highest of {len(of_kind(results, False))} and of {len(of_kind(results, True))} "
        "looks on the cells that are compared here: chance raises both, and more where there was more to choose from.",
    ]
    for measure in ("identity", "obedience", "class distance"):
        difference = lora.less(full, measure)
        lines.append(f"* LoRA less full, {measure}: {shown(difference, sign=True)}: {word(difference)}.")
    for rank, steps in steps_to_enough(results).items():
        said = "never rises above the untouched model" if steps is None else f"{steps} steps"
        lines.append(f"* Rank {rank}, to {ENOUGH:.0%} of its best rise: {said}.")
    names = "; ".join(one.name for one in front(results))
    lines.append(f"* Not beaten in identity and obedience together: {names}.")
    return "\n".join(lines)


def page_of(found: Found, request: Request, design: Design) -> str:
    """The text of docs/studies/lora_rank.md."""
    factors = {"rank": design.ranks, "lr": design.rates, "full_lr": design.full_rates, "look": design.looks}
    return f"""# How high a rank does a LoRA need?

```
{command_of("lora_rank", request, factors)}
```
With `{request.sd.as_posix()}`: {len(found.people)} people, each learned from
{len(found.people[0].learned)} photos and known to the judge by {len(found.people[0].known)} others;
{seeds_of(request)}. Rank, learning rate and steps vary apart from each other; photos, captions,
their order, noise and timesteps are the same in all arms of a seed, the seeds and the batch of the pictures in all. The
learning rate is constant behind its warm-up, alpha is the rank, there are no class pictures.

identity: cosine to the photos that were not learned from, by `{found.eyes.judge.name}`, whose network took no part; a
picture without a face counts {found.eyes.undetected:.3f}. obedience: {found.obedience()}
sharpness: variance of the Laplacian of the face at 112 px. diversity: mean 1 - SSIM between pictures of the plain
prompt. class identity: cosine of "a photo of a person" to the person learned; class distance: how far these pictures
moved, 1 - SSIM. Intervals: 95 %, bootstrap over people and seeds.

## Verdict

{verdict(found.results)}

## By factor

{margins(found.results)}

## All cells

{table(found.results)}

![identity and obedience](lora_rank.png)
"""
