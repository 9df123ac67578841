from collections import Counter
from itertools import product

import pytest

from ldm.data.splits import (
    celeba_splits,
    held_out_people,
    legacy_splits,
    lfw_splits,
    require_apart,
    shared_splits,
    stable_order,
)


def lfw_like(counts: dict[str, int]) -> tuple[list[str], list[str]]:
    """Owner and file of every picture."""
    pictures = [(name, f"{name}_{n:04d}.jpg") for name, count in counts.items() for n in range(count)]
    return [name for name, _ in pictures], [file for _, file in pictures]


COUNTS = {f"Person_{i:03d}": 1 + i % 30 for i in range(300)}  # 160 have 4 to 19, 110 have 20 or more


def test_the_stable_order_is_that_of_sha256() -> None:
    assert stable_order(["a", "b", "c", "d", "b"]) == ["d", "c", "b", "a"]  # 18ac, 2e7d, 3e23, ca97
    assert stable_order(["d", "a", "c", "b"]) == ["d", "c", "b", "a"]


def test_a_hundred_people_of_4_to_19_pictures_are_held_out() -> None:
    people, _ = lfw_like(COUNTS)
    held = held_out_people(people)
    assert len(set(held)) == 100
    assert held == sorted(held)
    assert all(4 <= COUNTS[name] <= 19 for name in held)
    assert held == held_out_people(people[::-1]), "the order of the pictures decides nothing"


def test_more_people_with_too_few_pictures_change_nobodys_place() -> None:
    people, _ = lfw_like(COUNTS)
    assert held_out_people([*people, "One_More", "Another_One"]) == held_out_people(people)


def test_too_few_candidates_are_an_error() -> None:
    people, _ = lfw_like({"A": 4, "B": 19, "C": 3, "D": 20})
    with pytest.raises(ValueError, match="only 2 people have 4 to 19 pictures; 100 should be kept out"):
        held_out_people(people)
    assert held_out_people(people, 2) == ["A", "B"]


def test_lfw_is_split_by_person_but_for_the_well_known() -> None:
    people, files = lfw_like(COUNTS)
    splits = lfw_splits(people, files)
    of_person: dict[str, Counter[str]] = {name: Counter() for name in COUNTS}
    for name, split in zip(people, splits, strict=True):
        of_person[name][split] += 1
    held = set(held_out_people(people))
    for name, count in COUNTS.items():
        seen = of_person[name]
        if name in held:
            assert seen == {"held_out": count}
        elif count >= 20:
            assert seen == {"train": count - count // 3, "val": count // 3}
        else:
            assert seen == {"train": count}
    assert lfw_splits(people[::-1], files[::-1]) == splits[::-1]


def test_celeba_keeps_the_official_partition() -> None:
    assert celeba_splits(["1", "1", "2", "3"], [0, 0, 1, 2]) == ["train", "train", "val", "test"]


def test_celeba_without_val_cuts_people_from_train() -> None:
    identities = [str(i) for i, _ in product(range(50), range(3))]
    partitions = [0 if int(i) < 40 else 2 for i in identities]
    splits = celeba_splits(identities, partitions)
    people = {split: {i for i, s in zip(identities, splits, strict=True) if s == split} for split in set(splits)}
    assert len(people["val"]) == 20
    assert len(people["train"]) == 20
    assert people["test"] == {str(i) for i in range(40, 50)}
    assert not people["val"] & people["train"]


def test_a_person_in_two_celeba_partitions_is_named() -> None:
    with pytest.raises(ValueError, match="person 7 stands in two partitions: train and test"):
        celeba_splits(["6", "7", "7"], [0, 0, 2])


def test_files_of_one_name_in_two_folders_are_two_pictures() -> None:
    people = ["A"] * 24 + ["B"] * 4
    files = [f"{n:04d}.jpg" for n in (*range(24), *range(4))]
    splits = lfw_splits(people + [f"C{i}" for i in range(100) for _ in range(5)], [*files, *files[:5] * 100])
    assert splits[:24].count("val") == 8
    assert "val" not in splits[24:]


def test_an_unknown_celeba_partition_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"the partition 3; known are 0 \(train\), 1 \(val\), 2 \(test\)"):
        celeba_splits(["6", "7"], [0, 3])


def test_the_legacy_split_keeps_its_shares_and_people_whole() -> None:
    people = [f"p{i}" for i in range(1000) for _ in range(3)]
    splits = legacy_splits(people)
    assert {split: n / 3 for split, n in Counter(splits).items()} == {
        "vae_train": 280, "vae_val": 80, "vae_test": 40, "unet_train": 420, "unet_val": 120, "unet_test": 60,
    }  # fmt: skip
    require_apart(people, splits)


def test_a_folder_of_people_is_split_by_person() -> None:
    people = [f"p{i}" for i in range(30) for _ in range(2)]
    splits = shared_splits(people)
    assert Counter(splits) == {"train": 48, "val": 6, "test": 6}
    require_apart(people, splits)
    assert set(shared_splits(["a", "b", "a"])) == {"train"}


def test_a_person_in_two_splits_is_an_error_with_the_name() -> None:
    with pytest.raises(ValueError, match="person Ada stands in two splits: train and test"):
        require_apart(["Bo", "Ada", "Ada"], ["test", "train", "test"])
    require_apart(["Ada", "Ada", "Bo"], ["train", "train", "val"])
