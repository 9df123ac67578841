"""Methods that cheat must lose where they should: they are planted here, beside an honest one."""

import numpy as np
import pytest

from evaluation.personalization import Evaluation, report
from evaluation.scores import Asked, score_pictures
from evaluation.subjects import Reference
from evaluation.summary import Ssim, Standard, diversity, identity_of
from tests.evaluation.people import CALIBRATION, STRANGER_P5, ToneJudge, face, photos_of

PEOPLE, SEEDS = 20, 2
PROMPTS = ("a photo of sks", "a photo of sks, smiling")
GIVEN = {f"p{n}": photos_of(n, 4)[0] for n in range(PEOPLE)}
OTHERS = {f"p{n}": photos_of(n, 4)[1:] for n in range(PEOPLE)}


def honest(person, draws):
    """As another photo of the person would look: around the middle of all photos, not at the given one."""
    middle = np.mean([GIVEN[person], *OTHERS[person]], axis=0)
    return face(tuple(int(x) for x in np.clip(middle + draws.normal(0, 12, 3), 0, 255)), at=int(draws.integers(0, 25)))


METHODS = {
    "honest": honest,
    "copies": lambda person, _: face(GIVEN[person]),
    "no face": lambda *_: face(),
    "average": lambda *_: face(tuple(int(x) for x in np.mean(list(GIVEN.values()), axis=0))),
}


class Smiles:
    """A prompt judge: a face that stands low smiles."""

    name = "low"

    def scores(self, images, prompts):
        tops = [next((one.box[1] for one in ToneJudge().faces(image)), None) for image in images]
        wants = ["smil" in prompt for prompt in prompts]
        return [0.0 if top is None else float((top > 15) == want) for top, want in zip(tops, wants, strict=True)]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Method -> identity numbers, scores, diversity, prompt score."""
    judge, folder = ToneJudge(), tmp_path_factory.mktemp("flatterers")
    references = {name: _reference(judge, name) for name in GIVEN}
    ceilings = {name: reference.ceiling for name, reference in references.items()}
    standard = Standard(CALIBRATION, ceilings)
    results = {}
    for method, draw in METHODS.items():
        asked, images = [], {}
        for person in GIVEN:
            for prompt in PROMPTS:
                for seed in range(SEEDS):
                    draws = np.random.default_rng([seed, int(person[1:]), len(prompt)])
                    path = folder / f"{method}-{person}-{len(prompt)}-{seed}.png"
                    images[path] = draw(person, draws)
                    asked.append(Asked(path, prompt, prompt.replace("sks", "a person"), "single", seed, (person,)))
        scores = score_pictures(asked, images.__getitem__, [judge], {"tones": references}, Smiles())
        groups = [[images[one.file] for one in asked[k : k + SEEDS]] for k in range(0, len(asked), SEEDS)]
        prompt = float(np.mean([score.prompt_score for score in scores]))
        results[method] = identity_of(scores, "tones", standard), scores, diversity(groups, Ssim()), prompt
    return results, standard


def _reference(judge, name):
    return Reference(
        np.stack([judge.vector(face(GIVEN[name]))]), np.stack([judge.vector(face(c)) for c in OTHERS[name]])
    )


def test_who_returns_the_photo_has_the_whole_copy_paste_gap_and_no_diversity(found):
    results, _ = found
    copies, honest = results["copies"], results["honest"]
    assert copies[0].mean == pytest.approx(1, abs=1e-5), "on the given photo alone it is perfect"
    assert copies[0].gap_share == pytest.approx(1, abs=0.02)
    assert abs(honest[0].gap_share) < 0.4
    assert copies[0].others < honest[0].others, "another photo of the person is nearer to the honest picture"
    assert copies[2] == pytest.approx(0, abs=1e-9)
    assert honest[2] > 0.01
    assert copies[3] < 1, "it smiles only by chance"


def test_who_draws_no_face_counts_as_a_bad_stranger_everywhere(found):
    nothing = found[0]["no face"]
    assert nothing[0].mean == pytest.approx(STRANGER_P5)
    assert nothing[0].others == pytest.approx(STRANGER_P5)
    assert nothing[0].detection == nothing[0].verified == 0
    assert nothing[0].detected_only is None
    assert nothing[0].gap is None
    assert nothing[0].percent < 0
    assert nothing[3] == 0, "nor does it obey"
    assert min(results[0].mean for results in found[0].values()) == nothing[0].mean


def test_who_draws_the_average_face_is_found_and_is_nobody(found):
    average, honest = found[0]["average"][0], found[0]["honest"][0]
    assert average.detection == 1
    assert average.percent < 50 < 90 < honest.percent
    assert average.verified < honest.verified
    assert found[0]["average"][2] == pytest.approx(0, abs=1e-9)


def test_the_honest_method_is_near_the_ceiling(found):
    honest = found[0]["honest"][0]
    assert 80 < honest.percent < 130
    assert honest.low < honest.mean < honest.high
    assert honest.people == PEOPLE


@pytest.mark.parametrize(("method", "said"), [("copies", "copies"), ("no face", "no face was found in any picture")])
def test_the_report_says_so(found, method, said):
    results, standard = found
    evaluation = Evaluation(
        method, results[method][1], {"tones": standard}, frozenset({"other"}), {"tones": "tone-net"}
    )
    page = report(evaluation)
    assert said in page.lead + " ".join(page.notices)
