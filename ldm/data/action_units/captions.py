"""Action units in words: four ways to write what a face does into a caption."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ldm.data.action_units.facs import FACS, INTENSITY_WORDS, MAX_INTENSITY
from ldm.data.action_units.sample import AuSample

CaptionMode = Literal["index", "code", "phrase", "sentence"]

VIEW = ("close-up", "whole-face", "front-face")
_NOUNS = {"female": ("woman", "her"), "male": ("man", "his")}
_VOWELS = "aeiou"


def au_caption(sample: AuSample, mode: CaptionMode, units: Sequence[int]) -> str:
    """What ``sample`` shows.

    Args:
        sample: the picture; only units that are known to be present are said.
        mode: ``index``: ``AU_6`` for the seventh of ``units`` (the older lists); ``code``: ``AU12``; ``phrase``:
            ``Asian,female,close-up,whole-face,front-face,young,lip-corner-puller``; ``sentence``: "a close-up photo of
            a young Asian woman pulling her lip corners up".
        units: those that are said, in the order of the columns.
    """
    present = [unit for unit in units if sample.occurrence.get(unit)]
    if mode == "index":
        return ",".join(f"AU_{place}" for place, unit in enumerate(units) if unit in present)
    if mode == "code":
        return ",".join(f"AU{unit}" for unit in present)
    if mode == "phrase":
        return ",".join([*_description(sample.meta), *(_phrase(sample, unit) for unit in present)])
    return _sentence(sample, present)


def intensity_word(intensity: float | None) -> str:
    """``slightly`` for 2, ``strongly`` for 4; nothing where it is not known or 0."""
    if intensity is None or intensity <= 0:
        return ""
    return INTENSITY_WORDS[min(MAX_INTENSITY, max(1, round(intensity)))]


def _description(meta: Mapping[str, str]) -> list[str]:
    """Ethnicity, gender, how the face is seen, age: what is not known is left out."""
    words = [meta.get("ethnicity", ""), meta.get("gender", ""), *VIEW, meta.get("age", "")]
    return [word.strip().replace(" ", "-") for word in words if word.strip()]


def _phrase(sample: AuSample, unit: int) -> str:
    word = intensity_word(sample.intensity.get(unit))
    return f"{word}-{FACS[unit].phrase}" if word else FACS[unit].phrase


def _sentence(sample: AuSample, present: Sequence[int]) -> str:
    noun, their = _NOUNS.get(sample.meta.get("gender", ""), ("person", "their"))
    words = [sample.meta.get("age", "").strip(), sample.meta.get("ethnicity", "").strip(), noun]
    who = " ".join(word for word in words if word)
    article = "an" if who[0].lower() in _VOWELS else "a"
    doing = [
        " ".join(filter(None, (intensity_word(sample.intensity.get(unit)), FACS[unit].doing.format(their=their))))
        for unit in present
    ]
    if not doing:
        known_neutral = all(value is False for value in sample.occurrence.values())
        return f"a close-up photo of {article} {who}" + (" with a neutral face" if known_neutral else "")
    listed = doing[0] if len(doing) == 1 else f"{', '.join(doing[:-1])} and {doing[-1]}"
    return f"a close-up photo of {article} {who} {listed}"
