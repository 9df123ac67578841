"""Which of the people in a list are learned."""

import re
from collections.abc import Sequence


def choose_people(people: Sequence[str], num_ids: int | None, specific_ids: list[int] | str | None) -> list[str]:
    """The people to learn, in the order of the list.

    Raises:
        IndexError: an index is not in the list.
        ValueError: more people are asked for than there are, or ``specific_ids`` cannot be read.
    """
    shown = ", ".join(people[:10]) + (", ..." if len(people) > 10 else "")
    if specific_ids is None:
        if num_ids is not None and num_ids > len(people):
            raise ValueError(f"{num_ids} people asked for (num_ids), but {len(people)} given: {shown}")
        return list(people[:num_ids])
    if isinstance(specific_ids, str):
        match = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", specific_ids)
        if not match or int(match[1]) >= int(match[2]):
            raise ValueError(f"specific_ids {specific_ids!r}: write a list, or 'low-high' with high not included")
        indices = list(range(int(match[1]), int(match[2])))
    else:
        indices = sorted(set(specific_ids))
    if not indices:
        raise ValueError("specific_ids is an empty list: name somebody, or leave it out to take everybody")
    if outside := [i for i in indices if not 0 <= i < len(people)]:
        raise IndexError(
            f"person {outside[0]} asked for (specific_ids), but there are people 0 to {len(people) - 1}: {shown}"
        )
    if num_ids is not None and num_ids > len(indices):
        raise ValueError(f"{num_ids} people asked for (num_ids), but specific_ids {specific_ids} names {len(indices)}")
    return [people[i] for i in indices[:num_ids]]


def require_room(people: Sequence[str], max_people: int | None) -> None:
    """Nothing, if a method with room for ``max_people`` can learn all of ``people``.

    Raises:
        ValueError: they are more.
    """
    if max_people is not None and len(people) > max_people:
        raise ValueError(
            f"{len(people)} people are to be learned, but personalization_config's max_ids is {max_people}: "
            f"raise max_ids, or choose fewer people with num_ids"
        )
