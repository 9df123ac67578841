"""Prompts that ask for action units, in the words that captions say them with."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ldm.data.action_units.captions import CaptionMode, intensity_word
from ldm.data.action_units.facs import BP4D, FACS, MAX_INTENSITY, Asked, parse_asked

_SWEEP = re.compile(r"(?P<unit>(?:AU)?[LR]?[0-9]+)=(?P<first>[0-9]+)\.\.(?P<last>[0-9]+)", re.IGNORECASE)


def au_prompt(prompt: str, asked: Sequence[Asked], mode: CaptionMode = "sentence") -> str:
    """``prompt`` with what the face shall do; what is asked for with 0 is not said.

    Args:
        prompt: who or what is drawn.
        asked: the movements.
        mode: what is put behind the prompt; ``sentence``: " clearly pulling their lip corners up"; ``phrase``:
            ",clearly-lip-corner-puller"; ``code``: ",AU12"; ``index``: ",AU_6", the place among the twelve of BP4D.

    Raises:
        ValueError: mode ``index``, and a movement is none of the twelve.
    """
    present = [one for one in asked if one.intensity > 0]
    if not present:
        return prompt
    if mode == "sentence":
        doing = [_sentence(one) for one in present]
        listed = doing[0] if len(doing) == 1 else f"{', '.join(doing[:-1])} and {doing[-1]}"
        return f"{prompt} {listed}"
    said = {"phrase": _phrase, "code": lambda one: f"AU{one.unit}", "index": _index}[mode]
    return ",".join([prompt, *map(said, present)])


def parse_sweep(text: str) -> list[Asked]:
    """``"12=0..5"`` as the movement with each whole intensity from the first to the last.

    Raises:
        ValueError: it is not understood, or an intensity is not in 0..5.
    """
    if not (found := _SWEEP.fullmatch(text.strip())):
        raise ValueError(f"{text!r} is no sweep: write the action unit and two whole intensities, like 12=0..5")
    first, last = int(found["first"]), int(found["last"])
    if max(first, last) > MAX_INTENSITY or first == last:
        raise ValueError(f"{text!r}: a sweep goes from one intensity to another, both 0 to {MAX_INTENSITY}")
    [one] = parse_asked(found["unit"])
    step = 1 if last > first else -1
    return [replace(one, intensity=float(level)) for level in range(first, last + step, step)]


def told(asked: Sequence[Asked]) -> str:
    """What is asked for, as it is written: ``AU12=3,AU6=2``."""
    return ",".join(f"AU{one.side[:1].upper()}{one.unit}={one.intensity:g}" for one in asked)


def _sentence(one: Asked) -> str:
    doing = FACS[one.unit].doing.format(their="their")
    side = f"on the {one.side} side" if one.side else ""
    return " ".join(part for part in (intensity_word(one.intensity), doing, side) if part)


def _phrase(one: Asked) -> str:
    return "-".join(part for part in (intensity_word(one.intensity), one.side, FACS[one.unit].phrase) if part)


def _index(one: Asked) -> str:
    if one.unit not in BP4D:
        raise ValueError(f"AU{one.unit} has no place among the twelve of BP4D ({', '.join(map(str, BP4D))})")
    return f"AU_{BP4D.index(one.unit)}"
