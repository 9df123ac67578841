import pytest

from ldm.data.choice import choose_people


@pytest.mark.parametrize(
    ("num_ids", "specific_ids", "chosen"),
    [
        (None, None, "abcde"),
        (2, None, "ab"),
        (5, None, "abcde"),
        (None, [3, 1], "bd"),
        (2, [4, 3, 1, 3], "bd"),
        (None, "1-3", "bc"),
        (2, " 2 - 5 ", "cd"),
        (None, [0], "a"),
    ],
)
def test_people_are_chosen_in_the_order_of_the_list(num_ids, specific_ids, chosen):
    assert choose_people("abcde", num_ids, specific_ids) == list(chosen)


@pytest.mark.parametrize(
    ("num_ids", "specific_ids", "error", "message"),
    [
        (7, None, ValueError, r"7 people asked for \(num_ids\), but 5 given: a, b, c, d, e$"),
        (3, [0, 1], ValueError, r"3 people asked for \(num_ids\), but specific_ids \[0, 1\] names 2"),
        (3, "0-2", ValueError, r"3 people asked for \(num_ids\), but specific_ids 0-2 names 2"),
        (None, [0, 5], IndexError, r"person 5 asked for \(specific_ids\), but there are people 0 to 4: a, b"),
        (None, "3-9", IndexError, r"person 5 asked for \(specific_ids\), but there are people 0 to 4"),
        (2, [-1, 0], IndexError, r"person -1 asked for \(specific_ids\), but there are people 0 to 4"),
        (None, "2", ValueError, "specific_ids '2': write a list, or 'low-high' with high not included"),
        (None, "3-3", ValueError, "specific_ids '3-3': write a list, or 'low-high' with high not included"),
        (None, [], ValueError, "specific_ids is an empty list: name somebody"),
    ],
)
def test_people_who_are_not_there_are_an_error(num_ids, specific_ids, error, message):
    with pytest.raises(error, match=message):
        choose_people("abcde", num_ids, specific_ids)
