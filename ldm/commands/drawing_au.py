"""From the options of `generate` to prompts that ask for action units."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ldm.commands.generate_options import ActionUnits

if TYPE_CHECKING:
    from ldm.data.action_units.facs import Asked

logger = logging.getLogger(__name__)


def with_units(prompts: Sequence[str], wanted: ActionUnits) -> list[str]:
    """``prompts`` with the action units that are asked for; each at every intensity of a sweep.

    Movements that exclude each other are a warning.

    Raises:
        ValueError: an option is not understood, or several are given.
    """
    from ldm.data.action_units.asked import au_prompt
    from ldm.data.action_units.facs import conflicts

    levels = _levels(wanted)
    if not levels:
        return list(prompts)
    for why in conflicts({one.unit for one in levels[-1]}):
        logger.warning("%s", why)
    return [au_prompt(prompt, asked, wanted.au_words) for prompt in prompts for asked in levels]


def _levels(wanted: ActionUnits) -> "list[list[Asked]]":
    """What is asked for, once for each time that a prompt is drawn."""
    from ldm.data.action_units.asked import parse_sweep
    from ldm.data.action_units.facs import parse_asked, preset

    given = [option for option in (wanted.au, wanted.au_preset, wanted.au_sweep) if option is not None]
    if len(given) > 1:
        raise ValueError("--au, --au-preset and --au-sweep each say what the face does: give one of them")
    if wanted.au is not None:
        return [parse_asked(wanted.au)]
    if wanted.au_preset is not None:
        return [preset(wanted.au_preset)]
    return [] if wanted.au_sweep is None else [[one] for one in parse_sweep(wanted.au_sweep)]
