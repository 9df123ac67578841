import pytest

from evaluation.legacy import BIASES, LegacyPrompt, LegacyScore, legacy_averages, legacy_score, legacy_table
from tests.evaluation.people import ToneJudge, face

RED, BLUE, ANTI = (255, 128, 128), (128, 128, 255), (1, 128, 128)


class Counts:
    name = "counts"

    def scores(self, images, prompts):
        return [float("sks" in prompt) + 2 * float("ks" in prompt) for prompt in prompts]


def test_only_found_faces_count_the_reference_counts_as_found_and_sks_is_cut_out():
    one = LegacyPrompt("sks and ks", [face(RED), face(), face(BLUE)], face(RED))
    found = legacy_score(ToneJudge(), one, Counts())
    assert found.identity == pytest.approx(0.5), "the picture without a face is left out"
    assert (found.detected, found.looked_at) == (3, 4)
    assert found.prompt == 2, "sks is gone, ks stays"
    assert legacy_score(ToneJudge(), one, None).prompt is None


def test_the_average_leaves_out_the_worst_prompts():
    good, bad = LegacyScore(0.4, 0.2, 2, 3), LegacyScore(-0.3, 0.4, 3, 3)
    nothing = LegacyScore(None, None, 1, 3)
    found = legacy_averages([good, bad, nothing])
    assert found == {"identity": 0.4, "prompt": pytest.approx(0.3), "detection": 6 / 9, "prompts left out": 2}
    assert legacy_averages([]) == {"identity": None, "prompt": None, "detection": None, "prompts left out": 0}


def test_the_table_has_the_published_rows_beside_ours():
    table = legacy_table(ToneJudge(), legacy_averages([LegacyScore(0.4, 0.2, 2, 3)]))
    assert table.rows[0][:3] == ["this run, by tones", 0.4, 0.2]
    assert [row[1:3] for row in table.rows[1:]] == [
        [0.2958, 0.1635],
        [0.0512, 0.2003],
        [0.1385, 0.2632],
        [0.2072, 0.2545],
    ]
    assert table.rows[-1][0] == "Celeb Basis, as published"
    assert len(BIASES) == 7
