"""People to learn."""

from tests.data.people import people

__all__ = ["people"]
