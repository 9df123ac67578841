"""Progress of commands, see :mod:`ldm.bars`."""

from ldm.bars import bar

__all__ = ["bar"]
