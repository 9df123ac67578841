"""The Facial Action Coding System as a table: numbers, names, phrases, muscles, presets, and what excludes what."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal["", "left", "right"]

MAX_INTENSITY = 5
"""FACS scores A trace, B slight, C marked, D severe, E maximum: 1 to 5; 0 is absent."""

INTENSITY_WORDS = {1: "barely", 2: "slightly", 3: "clearly", 4: "strongly", 5: "extremely"}


@dataclass(frozen=True)
class ActionUnit:
    """One movement.

    Attributes:
        number: in FACS.
        name: in FACS.
        doing: what a person does, after "a photo of a woman"; ``{their}`` becomes her, his or their.
        muscles: that make it.
    """

    number: int
    name: str
    doing: str
    muscles: str = ""

    @property
    def phrase(self) -> str:
        """The name as one word of a caption: ``lip-corner-puller``."""
        return self.name.lower().replace(" ", "-")


_TABLE = (
    (1, "Inner brow raiser", "raising {their} inner brows", "frontalis, medial part"),
    (2, "Outer brow raiser", "raising {their} outer brows", "frontalis, lateral part"),
    (4, "Brow lowerer", "lowering {their} brows", "corrugator supercilii, depressor supercilii"),
    (5, "Upper lid raiser", "raising {their} upper eyelids", "levator palpebrae superioris"),
    (6, "Cheek raiser", "raising {their} cheeks", "orbicularis oculi, orbital part"),
    (7, "Lid tightener", "tightening {their} eyelids", "orbicularis oculi, palpebral part"),
    (8, "Lips toward each other", "bringing {their} lips toward each other", "orbicularis oris"),
    (9, "Nose wrinkler", "wrinkling {their} nose", "levator labii superioris alaeque nasi"),
    (10, "Upper lip raiser", "raising {their} upper lip", "levator labii superioris"),
    (11, "Nasolabial deepener", "deepening the folds beside {their} nose", "zygomaticus minor"),
    (12, "Lip corner puller", "pulling {their} lip corners up", "zygomaticus major"),
    (13, "Sharp lip puller", "pulling {their} lip corners sharply up", "levator anguli oris"),
    (14, "Dimpler", "dimpling {their} cheeks", "buccinator"),
    (15, "Lip corner depressor", "pulling {their} lip corners down", "depressor anguli oris"),
    (16, "Lower lip depressor", "pulling {their} lower lip down", "depressor labii inferioris"),
    (17, "Chin raiser", "raising {their} chin", "mentalis"),
    (18, "Lip pucker", "puckering {their} lips", "incisivii labii"),
    (19, "Tongue show", "showing {their} tongue", ""),
    (20, "Lip stretcher", "stretching {their} lips", "risorius, platysma"),
    (21, "Neck tightener", "tightening {their} neck", "platysma"),
    (22, "Lip funneler", "funneling {their} lips", "orbicularis oris"),
    (23, "Lip tightener", "tightening {their} lips", "orbicularis oris"),
    (24, "Lip pressor", "pressing {their} lips together", "orbicularis oris"),
    (25, "Lips part", "parting {their} lips", "depressor labii inferioris, or mentalis and orbicularis oris relaxed"),
    (26, "Jaw drop", "dropping {their} jaw", "masseter relaxed"),
    (27, "Mouth stretch", "opening {their} mouth wide", "pterygoids, digastric"),
    (28, "Lip suck", "sucking {their} lips in", "orbicularis oris"),
    (29, "Jaw thrust", "thrusting {their} jaw forward", "pterygoids"),
    (30, "Jaw sideways", "moving {their} jaw sideways", "pterygoids"),
    (31, "Jaw clencher", "clenching {their} jaw", "masseter"),
    (32, "Lip bite", "biting {their} lip", ""),
    (33, "Cheek blow", "blowing air through {their} lips", ""),
    (34, "Cheek puff", "puffing {their} cheeks", ""),
    (35, "Cheek suck", "sucking {their} cheeks in", "buccinator"),
    (36, "Tongue bulge", "bulging {their} cheek with the tongue", ""),
    (37, "Lip wipe", "wiping {their} lips with the tongue", ""),
    (38, "Nostril dilator", "flaring {their} nostrils", "nasalis, alar part"),
    (39, "Nostril compressor", "narrowing {their} nostrils", "nasalis, transverse part"),
    (41, "Lid droop", "drooping {their} eyelids", "levator palpebrae superioris relaxed"),
    (42, "Slit", "narrowing {their} eyes to slits", "orbicularis oculi"),
    (43, "Eyes closed", "closing {their} eyes", "levator palpebrae superioris relaxed"),
    (44, "Squint", "squinting", "orbicularis oculi, palpebral part"),
    (45, "Blink", "blinking", "orbicularis oculi"),
    (46, "Wink", "winking", "orbicularis oculi"),
    (51, "Head turn left", "turning {their} head to the left", ""),
    (52, "Head turn right", "turning {their} head to the right", ""),
    (53, "Head up", "raising {their} head", ""),
    (54, "Head down", "lowering {their} head", ""),
    (55, "Head tilt left", "tilting {their} head to the left", ""),
    (56, "Head tilt right", "tilting {their} head to the right", ""),
    (57, "Head forward", "pushing {their} head forward", ""),
    (58, "Head back", "pulling {their} head back", ""),
    (61, "Eyes left", "looking to the left", ""),
    (62, "Eyes right", "looking to the right", ""),
    (63, "Eyes up", "looking up", ""),
    (64, "Eyes down", "looking down", ""),
    (65, "Walleye", "turning {their} eyes apart", ""),
    (66, "Cross-eye", "crossing {their} eyes", ""),
)

FACS: Mapping[int, ActionUnit] = {row[0]: ActionUnit(*row) for row in _TABLE}

BP4D = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
"""The twelve that the literature takes of BP4D, in its order: also that of the older ``name:0,1,...`` lists."""

BP4D_INTENSITY = (6, 10, 12, 14, 17)
DISFA = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
DISFA_EIGHT = (1, 2, 4, 6, 9, 12, 25, 26)

PRESETS: Mapping[str, tuple[str, ...]] = {
    "happiness": ("6", "12"),
    "sadness": ("1", "4", "15"),
    "surprise": ("1", "2", "5", "26"),
    "fear": ("1", "2", "4", "5", "7", "20", "26"),
    "anger": ("4", "5", "7", "23"),
    "disgust": ("9", "15", "16"),
    "contempt": ("R12", "R14"),
    "neutral": (),
}
"""Prototypes of emotions after EMFACS; ``R`` is the right side of the face alone."""

_EXCLUDED = (
    (24, (25, 26, 27), "lips that are pressed together do not part"),
    (43, (5,), "eyes that are closed have no raised upper lid"),
    (18, (20,), "lips are puckered or stretched"),
    (23, (27,), "tight lips do not stay in a mouth that is wide open"),
    *((one, (one + 1,), "a head moves one way at a time") for one in (51, 53, 55, 57)),
    *((one, (one + 1,), "eyes look one way at a time") for one in (61, 63)),
    (65, (66,), "eyes turn apart or to each other"),
)
_GRADES = (25, 26, 27)  # each contains those before


def conflicts(units: Collection[int]) -> list[str]:
    """Why some of ``units`` do not go together on one face, a sentence each; none where they do."""
    found = [
        f"AU{one} ({FACS[one].name}) with AU{other} ({FACS[other].name}): {why}"
        for one, others, why in _EXCLUDED
        for other in others
        if one in units and other in units
    ]
    opened = [unit for unit in _GRADES if unit in units]
    if len(opened) > 1:
        weaker = " and ".join(f"AU{unit}" for unit in opened[:-1])
        found.append(f"{weaker} with AU{opened[-1]}: a jaw that drops parts the lips anyway; the strongest says it all")
    return found


@dataclass(frozen=True)
class Asked:
    """One movement that somebody asks for: how strong (0 to 5), and on which side of the face."""

    unit: int
    intensity: float
    side: Side = ""


_ASKED = re.compile(r"(?:AU)?([LR]?)([0-9]+)(?:=([0-9]*\.?[0-9]+))?", re.IGNORECASE)


def parse_asked(text: str, default: float = 3.0) -> list[Asked]:
    """What ``"12=3,6=2,R14"`` asks for; without a number, ``default``.

    Raises:
        ValueError: a part is not understood, FACS has no such unit, or an intensity is not in 0..5.
    """
    asked = []
    for part in (one.strip() for one in text.split(",")):
        match = _ASKED.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no action unit: write 12, 12=3 or R12=2.5, with commas between several")
        unit, intensity = known_unit(int(match[2])), float(match[3] or default)
        if not 0 <= intensity <= MAX_INTENSITY:
            raise ValueError(f"AU{unit}={intensity:g}: intensities go from 0 (absent) to {MAX_INTENSITY} (maximum)")
        sides: dict[str, Side] = {"": "", "L": "left", "R": "right"}
        asked.append(Asked(unit, intensity, sides[match[1].upper()]))
    return asked


def known_unit(number: int) -> int:
    """``number``, if FACS has it.

    Raises:
        ValueError: it has not; those it has, are listed.
    """
    if number not in FACS:
        raise ValueError(f"there is no AU{number} here; there are {', '.join(map(str, FACS))}")
    return number


def preset(name: str, intensity: float = 3.0) -> list[Asked]:
    """The movements of an emotion.

    Raises:
        ValueError: there is no such preset; those that there are, are listed.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return parse_asked(",".join(PRESETS[name]), intensity) if PRESETS[name] else []
