"""Captions from what is known about a picture: a name, or attributes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

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
_FEATURES = {
    "Heavy_Makeup": "wearing make-up",
    "Arched_Eyebrows": "with arched eyebrows",
    "Bushy_Eyebrows": "with bushy eyebrows",
    "High_Cheekbones": "with high cheekbones",
    "Rosy_Cheeks": "with rosy cheeks",
    "Oval_Face": "with an oval face",
    "Sideburns": "with sideburns",
    "Receding_Hairline": "with a receding hairline",
}
_PERSON_JUDGED = {"Attractive": "attractive", "Chubby": "chubby"}
_FEATURES_JUDGED = {
    "Bags_Under_Eyes": "with bags under the eyes",
    "Big_Lips": "with big lips",
    "Big_Nose": "with a big nose",
    "Double_Chin": "with a double chin",
    "Narrow_Eyes": "with narrow eyes",
    "Pale_Skin": "with pale skin",
    "Pointy_Nose": "with a pointed nose",
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


@dataclass(frozen=True)
class Words:
    """Which words captions from attributes use.

    Attributes:
        man: for a person with the attribute Male.
        woman: for one without.
        young: for one with the attribute Young; empty: age is not told.
        older: for one without; empty: age is not told.
        features: tell of brows, cheeks, make-up and the like too.
        judgements: tell what is in the eye of the beholder too: Attractive, Chubby, Big_Nose, ...
    """

    man: str = "man"
    woman: str = "woman"
    young: str = "young"
    older: str = "older"
    features: bool = False
    judgements: bool = False


DEFAULT_WORDS = Words()


def attribute_caption(
    attributes: Collection[str], draws: torch.Generator, words: Words = DEFAULT_WORDS, name: str | None = None
) -> str:
    """A caption from CelebA's attributes (those that are true): a varying subset in a varying order.

    Where ``name`` is given it stands for "a young woman" and the like.
    """
    person = words.man if "Male" in attributes else words.woman
    told = (words.young if "Young" in attributes else words.older) if chance(0.6, draws) else ""
    praise = _PERSON_JUDGED if words.judgements else {}
    before = [word for key, word in praise.items() if key in attributes and chance(0.5, draws)] + [told] * bool(told)
    details = _details(attributes, draws, words)
    order = torch.randperm(len(details), generator=draws).tolist()
    noun = name or " ".join([*before, person])
    article = "" if name else "an " if noun[:1] in "aeiou" else "a "
    plain = PLAIN
    if words.judgements and "Blurry" in attributes:
        plain = PLAIN.replace("photo", "blurry photo")
    text = ", ".join([plain.format(article + noun), *(details[i] for i in order)])
    return text.replace(f"{noun}, with", f"{noun} with", 1)


def _details(attributes: Collection[str], draws: torch.Generator, words: Words) -> list[str]:
    """What can be told of the person beside sex and age, a part of it."""

    def keep(p: float = 0.75) -> bool:
        return chance(p, draws)

    def known(table: dict[str, str]) -> list[str]:
        return [word for key, word in table.items() if key in attributes]

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
    for asked, table in ((words.features, _FEATURES), (words.judgements, _FEATURES_JUDGED)):
        if asked and (there := known(table)) and keep(0.5):
            details.append(pick(there, draws))
    return details


def row_caption(row: Mapping[str, Any], draws: torch.Generator, words: Words = DEFAULT_WORDS) -> str | None:
    """A caption for a picture of a store: its own, or by name, attributes, or both; None where nothing is known.

    Args:
        row: what is known of it: ``caption``, ``name``, ``attributes``.
        draws: decide what is told.
        words: see :class:`Words`.
    """
    if "caption" in row:
        return str(row["caption"])
    name, attributes = row.get("name"), row.get("attributes")
    if attributes is not None and (name is None or chance(0.5, draws)):
        return attribute_caption(attributes, draws, words, name)
    return None if name is None else name_caption(name, draws)
