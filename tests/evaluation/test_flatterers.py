"""Methods that cheat must lose where they should: they are planted here, beside an honest one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.identity import SeenFace
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
    standard = Standard(CALIBRATION, ceilings, {name: reference.nearest for name, reference in references.items()})
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


class PixelJudge(ToneJudge):
    """A face is the whole picture, who it is is all of its pixels: 64 directions, where a network has hundreds."""

    def faces(self, image):
        vector = np.asarray(image.convert("L"), np.float32).ravel() - 128
        return [SeenFace(np.array([0, 0, *image.size], np.float32), vector / np.linalg.norm(vector))]


@pytest.mark.parametrize("count", [1, 5, 20])
def test_who_returns_one_of_several_photos_is_found_and_a_new_photo_is_no_copy(count):
    """A mean over five given photos would call their copies a fifth of a copy."""
    judge, references, images = PixelJudge(), {}, {}
    asked = {"copies": [], "new": []}
    for number in range(PEOPLE):
        draws, name = np.random.default_rng(number), f"p{number}"
        middle = draws.normal(size=64)
        looks = np.clip(128 + 30 * (middle + 0.8 * draws.normal(size=(count + 25, 64))), 0, 255).astype(np.uint8)
        photos = [Image.fromarray(look.reshape(8, 8)) for look in looks]
        vectors = np.stack(judge.vectors(photos))
        references[name] = Reference(vectors[:count], vectors[count : count + 5])
        for method, own in (("copies", photos[:count]), ("new", photos[count + 5 :])):
            for seed, photo in enumerate(own):
                path = Path(f"{method}-{name}-{seed}.png")
                images[path] = photo
                asked[method].append(Asked(path, PROMPTS[0], "a person", "single", seed, (name,)))
    ceilings, nearest = ({n: getattr(r, of) for n, r in references.items()} for of in ("ceiling", "nearest"))
    standards = {"tones": Standard(CALIBRATION, ceilings, nearest)}
    share, said = {}, {}
    for method, own in asked.items():
        scores = score_pictures(own, images.__getitem__, [judge], {"tones": references})
        share[method] = identity_of(scores, "tones", standards["tones"]).gap_share
        said[method] = report(Evaluation(method, scores, standards, frozenset(), {"tones": "pixels"})).notices
    assert share == {"copies": pytest.approx(1, abs=0.01), "new": pytest.approx(0, abs=0.15)}
    copies = "Pictures are much closer to the given photos than to other photos of the same people: copies."
    assert copies in said["copies"]
    assert copies not in said["new"]


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
