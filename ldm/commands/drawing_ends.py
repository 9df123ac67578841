"""From the options of `generate` to the ends of strips that lie between them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from ldm.commands.drawing_models import Drawer, drawers
from ldm.commands.generate_options import AddOns, Between, Who

if TYPE_CHECKING:
    from ldm.runs.between import End


def strips(
    who: Who, add_ons: AddOns, between: Between, prompts: Sequence[str], seed: int, failed: list[str]
) -> "Iterator[tuple[Drawer, list[End]]]":
    """What draws, and the ends that it goes through: two or more seeds, prompts or choices of people.

    Raises:
        ValueError: there is only one end, or people are asked for between prompts.
    """
    from ldm.runs.between import End

    if between.interpolate == "people":
        yield from _between_people(who, add_ons, prompts, seed, failed)
        return
    if between.interpolate == "prompts" and len(prompts) < 2:
        raise ValueError("--interpolate prompts goes from one prompt to the next: give --prompt twice")
    for drawer in drawers(who, add_ons, failed):
        if between.interpolate == "prompts":
            yield drawer, [End(prompt, prompt, seed) for prompt in prompts]
            continue
        last = seed + 1 if between.to_seed is None else between.to_seed
        for prompt in prompts:
            yield drawer, [End(f"{prompt} seed {one}", prompt, one) for one in (seed, last)]


def _between_people(
    who: Who, add_ons: AddOns, prompts: Sequence[str], seed: int, failed: list[str]
) -> "Iterator[tuple[Drawer, list[End]]]":
    from ldm.runs.between import End

    if len(who.people) < 2:
        raise ValueError("--interpolate people goes from one choice of people to the next: give --people twice")
    if len({choice.count(",") for choice in who.people}) > 1:
        raise ValueError("--interpolate people: all choices must be of as many people")
    found = drawers(replace(who, mean=False), add_ons, failed)
    while choices := list(islice(found, len(who.people))):  # all of one model: the next one may take its place
        told = [", ".join(drawer.facts["people"]) for drawer in choices]
        together = replace(choices[0], facts={**choices[0].facts, "people": told})
        for prompt in prompts:
            yield together, [End(f"{prompt} {drawer.people_told}", prompt, seed, drawer.people) for drawer in choices]
