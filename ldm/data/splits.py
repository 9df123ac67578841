"""Who is trained on and who is kept out, decided by a hash of the name so that nobody chooses."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

HELD_OUT_PEOPLE = 100
HELD_OUT_PICTURES = (4, 19)
WELL_KNOWN_PICTURES = 20


def stable_order(words: Iterable[str]) -> list[str]:
    """The words, distinct, in the order of their SHA-256: the same on every machine, correlated with nothing."""
    return sorted(set(words), key=lambda word: hashlib.sha256(word.encode()).hexdigest())


def held_out_people(people: Sequence[str], count: int = HELD_OUT_PEOPLE) -> list[str]:
    """The ``count`` people kept out of all training, sorted by name.

    Args:
        people: one entry a picture: the person's name as it is hashed, in LFW that of the folder (First_Last).
        count: how many are kept out, among those with 4 to 19 pictures.

    Raises:
        ValueError: fewer people than ``count`` have that many pictures.
    """
    low, high = HELD_OUT_PICTURES
    candidates = stable_order(name for name, n in Counter(people).items() if low <= n <= high)
    if len(candidates) < count:
        raise ValueError(f"only {len(candidates)} people have {low} to {high} pictures; {count} should be kept out")
    return sorted(candidates[:count])


def lfw_splits(people: Sequence[str], files: Sequence[str]) -> list[str]:
    """A split for every picture: ``train``, ``held_out`` (unseen people) or ``val`` (unseen pictures of known people).

    A third of the pictures of everybody with 20 or more goes to ``val``: with them the question "does the model know
    this name" is asked on pictures that it has not seen.
    """
    held = set(held_out_people(people))
    counts = Counter(people)
    val: set[tuple[str, str]] = set()  # by person too: a file's name need not be unique
    for person, n in counts.items():
        if n >= WELL_KNOWN_PICTURES:
            own = [file for file, owner in zip(files, people, strict=True) if owner == person]
            val.update((person, file) for file in stable_order(own)[: len(own) // 3])
    return [
        "held_out" if person in held else "val" if (person, file) in val else "train"
        for person, file in zip(people, files, strict=True)
    ]


def celeba_splits(identities: Sequence[str], partitions: Sequence[int], num_val: int = 20) -> list[str]:
    """A split for every picture, by person: the official partition, with ``num_val`` people cut from train as val.

    Raises:
        ValueError: a person stands in two official partitions, the first such person is named; or there is an
            unknown partition.
    """
    names = {0: "train", 1: "val", 2: "test"}
    if unknown := sorted(set(partitions) - names.keys()):
        known = ", ".join(f"{number} ({name})" for number, name in names.items())
        raise ValueError(f"CelebA's table has the partition {unknown[0]}; known are {known}")
    split_of: dict[str, str] = {}
    for identity, partition in zip(identities, partitions, strict=True):
        if split_of.setdefault(identity, names[partition]) != names[partition]:
            raise ValueError(f"person {identity} stands in two partitions: {split_of[identity]} and {names[partition]}")
    if "val" not in split_of.values():
        train = [identity for identity, split in split_of.items() if split == "train"]
        split_of.update(dict.fromkeys(stable_order(train)[:num_val], "val"))
    return [split_of[identity] for identity in identities]


LEGACY = (("vae", 0.4), ("unet", 0.6))
SHARES = (("train", 0.7), ("val", 0.2), ("test", 0.1))


def legacy_splits(people: Sequence[str]) -> list[str]:
    """A split for every picture: 40 % of the people for the VAE, 60 % for the UNet, each 70/20/10.

    ``vae_train``, ``vae_val``, ``vae_test``, ``unet_train``, ... The shares are face-diffusion's, which drew pictures;
    here a person stands in one split.
    """
    ordered = stable_order(people)
    ends, names, done = [], [], 0.0
    for model, whole in LEGACY:
        for part, share in SHARES:
            done += whole * share
            ends.append(round(done * len(ordered)))
            names.append(f"{model}_{part}")
    split_of, start = {}, 0
    for end, name in zip(ends, names, strict=True):
        split_of.update(dict.fromkeys(ordered[start:end], name))
        start = end
    return [split_of[person] for person in people]


def shared_splits(people: Sequence[str]) -> list[str]:
    """A split for every picture, by person: 80 % train, 10 % val, 10 % test; fewer than ten people are all train."""
    ordered = stable_order(people)
    tenth = len(ordered) // 10
    split_of = dict.fromkeys(ordered, "train")
    split_of.update(dict.fromkeys(ordered[:tenth], "val"))
    split_of.update(dict.fromkeys(ordered[tenth : 2 * tenth], "test"))
    return [split_of[person] for person in people]


def require_apart(people: Sequence[str], splits: Sequence[str]) -> None:
    """Nothing, if nobody (who is on each picture) stands in two splits (of each picture).

    Raises:
        ValueError: somebody does; the first is named.
    """
    split_of: dict[str, str] = {}
    for person, split in zip(people, splits, strict=True):
        if (first := split_of.setdefault(person, split)) != split:
            raise ValueError(f"person {person} stands in two splits: {first} and {split}")
