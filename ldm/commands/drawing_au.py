"""From the options of `generate` to faces that are asked to do something, by words or by a vector."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ldm.commands.generate_options import ActionUnits

if TYPE_CHECKING:
    from ldm.data.action_units.facs import Asked

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
    """What faces are asked to do, once.

    Attributes:
        prompts: with the words for it.
        told: what the pipeline is told beside them.
        facts: what pictures say about it.
    """

    prompts: list[str]
    told: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def askings(model: Any, prompts: Sequence[str], wanted: ActionUnits) -> list[Asking]:
    """``prompts`` with the action units that are asked for: one, or one for every intensity of a sweep.

    Where the model's method takes a vector of action units (``AuConditioner``), that tells them, elsewhere words do.

    Raises:
        ValueError: the model's vector does not have a unit that is asked for, or one side of a face is.
    """
    from ldm.data.action_units.asked import au_prompt, told
    from ldm.modules.au_conditioner import conditioner_of, worded

    asked, part = levels(wanted), conditioner_of(model)
    if not asked:
        return [Asking(list(prompts))]
    if part is None:
        said = [[au_prompt(prompt, one, wanted.au_words) for prompt in prompts] for one in asked]
        return [Asking(words, facts={"au": told(one) or "neutral"}) for words, one in zip(said, asked, strict=True)]
    texts = [worded(prompt, part.word) for prompt in prompts]
    return [
        Asking(texts, {"action_units": vector_of(one, part.units)}, {"au": told(one) or "neutral", "au_by": "vector"})
        for one in asked
    ]


def mover_of(model: Any, wanted: ActionUnits) -> str | None:
    """The prompt whose difference, told and not, moves faces, with the word of the vector; None: each prompt's own.

    Raises:
        ValueError: it, or the strength of a vector, is given where no vector tells a face.
    """
    from ldm.modules.au_conditioner import conditioner_of, worded

    part = conditioner_of(model)
    if part is None and wanted.au_guidance is not None:
        raise ValueError("--au-guidance is for a run with AuConditioner; where words say it, --guidance is theirs too")
    if part is None and wanted.au_prompt is not None:
        raise ValueError("--au-prompt is for a run with AuConditioner: elsewhere words say what a face does")
    return None if part is None or wanted.au_prompt is None else worded(wanted.au_prompt, part.word)


def vector_of(asked: "Sequence[Asked]", units: Sequence[int], others: Literal["untold", "absent"] = "untold") -> Any:
    """(U,) what is asked for; of the other units nothing is said, or all are absent, as in a neutral face.

    Raises:
        ValueError: a unit is none of ``units``, or one side of a face is asked for.
    """
    import torch

    vector = torch.full((len(units),), torch.nan if asked and others == "untold" else 0.0)
    for one in asked:
        if one.unit not in units:
            raise ValueError(f"AU{one.unit}: this run has learned the action units {', '.join(map(str, units))}")
        if one.side:
            both = ",".join(f"{asks.unit}={asks.intensity:g}" for asks in asked)
            raise ValueError(f'AU{one.unit} on the {one.side} side: a vector tells of both sides; write --au "{both}"')
        vector[units.index(one.unit)] = one.intensity
    return vector


def levels(wanted: ActionUnits) -> "list[list[Asked]]":
    """What is asked for, once for each time that a prompt is drawn. Movements that exclude each other are a warning.

    Raises:
        ValueError: an option is not understood, or several are given.
    """
    from ldm.data.action_units.asked import parse_sweep
    from ldm.data.action_units.facs import conflicts, parse_asked, preset

    given = [option for option in (wanted.au, wanted.au_preset, wanted.au_sweep) if option is not None]
    if len(given) > 1:
        raise ValueError("--au, --au-preset and --au-sweep each say what the face does: give one of them")
    if wanted.au_guidance is not None and not given:
        raise ValueError("--au-guidance is the strength of what a face is asked to do: give --au, a preset or a sweep")
    if wanted.au_prompt is not None and not given:
        raise ValueError("--au-prompt says whose movement a face takes: give --au, a preset or a sweep")
    if wanted.au_sweep is not None:
        return [[one] for one in parse_sweep(wanted.au_sweep)]
    if not given:
        return []
    asked = parse_asked(wanted.au) if wanted.au is not None else preset(wanted.au_preset or "")
    for why in conflicts({one.unit for one in asked}):
        logger.warning("%s", why)
    return [asked]
