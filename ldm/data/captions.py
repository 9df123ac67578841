"""Captions from what is known about a picture: a name, or attributes."""

from collections.abc import Collection, Sequence
from typing import TypeVar

import torch

from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES, caption

Choice = TypeVar("Choice")

PLAIN, PLAIN_PAIR = "a photo of {}", "a photo of {} and {}"

# How a bare name stands in a caption; the methods' own captions ("face of sks person") are among them.
_NAMED = (("{}", False), ("face of {}", True), ("{} person", True), ("face of {} person", True))

_HAIR = {"Black_Hair": "black", "Blond_Hair": "blond", "Brown_Hair": "brown", "Gray_Hair": "gray"}
_SHAPE = {"Straight_Hair": "straight", "Wavy_Hair": "wavy"}
_WEARING = {
    "Eyeglasses": "eyeglasses",
    "Wearing_Hat": "a hat",
    "Wearing_Earrings": "earrings",
    "Wearing_Necklace": "a necklace",
    "Wearing_Necktie": "a necktie",
    "Wearing_Lipstick": "lipstick",
}
_BEARD = {"Goatee": "a goatee", "Mustache": "a mustache", "5_o_Clock_Shadow": "a stubble beard"}


def pick(choices: Sequence[Choice], draws: torch.Generator) -> Choice:
    """One of ``choices``, all alike."""
    return choices[int(torch.randint(len(choices), (), generator=draws))]


def chance(p: float, draws: torch.Generator) -> bool:
    """True with probability ``p``."""
    return bool(torch.rand((), generator=draws) < p)


def name_caption(name: str, draws: torch.Generator) -> str:
    """A caption for a picture of ``name``: half of them plain, half by one of the 57 templates."""
    if chance(0.5, draws):
        return PLAIN.format(name)
    form, article = pick(_NAMED, draws)
    return caption(pick(TEMPLATES, draws), form.format(name), article=article)


def pair_caption(left: str, right: str, draws: torch.Generator) -> str:
    """A caption for a picture with ``left`` at the left and ``right`` at the right."""
    template = PLAIN_PAIR if chance(0.5, draws) else pick(DUAL_TEMPLATES, draws)
    form = pick(("{}", "{}", "face of {}"), draws)
    return caption(template, form.format(left), form.format(right))


def attribute_caption(attributes: Collection[str], draws: torch.Generator) -> str:
    """A caption from CelebA's attributes (those that are true): a varying subset in a varying order."""

    def keep(p: float = 0.75) -> bool:
        return chance(p, draws)

    def known(table: dict[str, str]) -> list[str]:
        return [word for key, word in table.items() if key in attributes]

    person = "man" if "Male" in attributes else "woman"
    age = ("young" if "Young" in attributes else "older") if keep(0.6) else ""
    details: list[str] = []
    hair = [*known(_HAIR)[:1], *(known(_SHAPE)[:1] if keep(0.5) else [])]
    if "Bald" in attributes:
        details.append("with a bald head")
    elif hair and keep():
        details.append(f"with {' '.join(hair)} hair{' and bangs' if 'Bangs' in attributes and keep() else ''}")
    bearded = "Male" in attributes and "No_Beard" not in attributes
    beard = known(_BEARD) or (["a beard"] if bearded else [])
    if beard and keep():
        details.append(f"with {pick(beard, draws)}")
    if (worn := known(_WEARING)) and keep(0.85):
        details.append(f"wearing {pick(worn, draws)}")
    if keep():
        details.append("smiling" if "Smiling" in attributes else "not smiling")
    if "Mouth_Slightly_Open" in attributes and keep(0.3):
        details.append("with an open mouth")
    order = torch.randperm(len(details), generator=draws).tolist()
    article = "an" if age[:1] == "o" else "a"
    noun = f"{article} {age} {person}".replace("  ", " ") if age else f"a {person}"
    return ", ".join([PLAIN.format(noun), *(details[i] for i in order)]).replace(f"{person}, with", f"{person} with", 1)
