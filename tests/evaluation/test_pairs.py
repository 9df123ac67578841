"""Two people in one picture."""

import numpy as np
import pytest

from evaluation.identity import SeenFace
from evaluation.pairs import PairSummary, assigned_cosines, in_prompt_order, score_pair, summarize

UNDETECTED = -0.06


def face(x: float, vector: list[float]) -> SeenFace:
    unit = np.asarray(vector, np.float32)
    return SeenFace(np.array([x, 0, x + 20, 20], np.float32), unit / np.linalg.norm(unit))


def test_in_the_prompts_order_is_assigned(colour_judge, draw, person) -> None:
    score = score_pair(colour_judge, draw("red", "blue"), (person("red"), person("blue")), UNDETECTED)
    assert score.two_faces
    assert score.assigned
    assert score.margin == pytest.approx(1.0)
    assert score.cosines.tolist() == [1.0, 1.0]


def test_swapped_is_not_assigned_but_both_are_there(colour_judge, draw, person) -> None:
    score = score_pair(colour_judge, draw("blue", "red"), (person("red"), person("blue")), UNDETECTED)
    assert score.two_faces
    assert not score.assigned
    assert score.margin == pytest.approx(-1.0)
    assert score.cosines.tolist() == [1.0, 1.0]


def test_one_face_is_never_right_and_the_other_counts_as_a_stranger(colour_judge, draw, person) -> None:
    score = score_pair(colour_judge, draw("red"), (person("red"), person("blue")), UNDETECTED)
    assert not score.two_faces
    assert not score.assigned
    assert np.isnan(score.margin)
    assert score.cosines.tolist() == [1.0, UNDETECTED]


def test_no_face_at_all(colour_judge, draw, person) -> None:
    score = score_pair(colour_judge, draw(), (person("red"), person("blue")), UNDETECTED)
    assert score.num_faces == 0
    assert score.cosines.tolist() == [UNDETECTED, UNDETECTED]


def test_the_assignment_is_the_best_one_not_the_greedy_one() -> None:
    """Greedy gives the first person the second face (.9) and leaves -.1; the best sum is .8 + .7."""
    faces = [face(0, [0.8, 0.0, 0.6]), face(50, [0.9, 0.7, 0.0])]
    references = [np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)]
    found = assigned_cosines(faces, references, UNDETECTED)
    assert found == pytest.approx([0.8, 0.7 / np.hypot(0.9, 0.7)])


def test_one_person_twice_is_a_coin() -> None:
    """Two faces of the same person in any order: margins are noise around zero, right half of the time."""

    class Twins:
        name = encoder_name = "twins"

        def __init__(self) -> None:
            self.generator = np.random.default_rng(0)

        def faces(self, image: object) -> list[SeenFace]:
            return [face(x, [1, 0, *self.generator.normal(0, 0.1, 2)]) for x in (0, 40)]

    references = tuple(np.asarray(v, np.float32) for v in ([0.9, 0, 0.4, 0.1], [0.9, 0, -0.3, 0.2]))
    judge = Twins()
    scores = [score_pair(judge, None, references, UNDETECTED) for _ in range(600)]  # type: ignore[arg-type]
    assert 0.44 < np.mean([score.assigned for score in scores]) < 0.56


def test_a_small_third_face_does_not_decide(colour_judge, draw, person) -> None:
    image = draw("red", "blue")
    image.paste((0, 255, 0), (0, 0, 3, 3))
    score = score_pair(colour_judge, image, (person("red"), person("blue")), UNDETECTED)
    assert score.num_faces == 3
    assert score.assigned


def test_summary_counts(colour_judge, draw, person) -> None:
    people = (person("red"), person("blue"))
    images = [draw("red", "blue"), draw("blue", "red"), draw("red"), draw()]
    scores = [score_pair(colour_judge, image, people, UNDETECTED) for image in images]
    assert summarize(scores) == PairSummary(n=4, two_faces=2, assigned=1)


@pytest.mark.parametrize(
    ("prompt", "order"),
    [("sks and ks", ["sks", "ks"]), ("ks, beside sks", ["ks", "sks"]), ("flasks of ks with sks", ["ks", "sks"])],
)
def test_order_is_that_of_whole_words(prompt: str, order: list[str]) -> None:
    assert in_prompt_order(prompt, ["sks", "ks"]) == order


def test_a_pair_prompt_without_one_of_them() -> None:
    with pytest.raises(ValueError, match="does not name ks"):
        in_prompt_order("a photo of sks and flasks", ["sks", "ks"])
