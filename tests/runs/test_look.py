"""A look: what is drawn of a model, how likeness, obedience and drift come about, and the small decoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation.judges import calibration
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.runs.draw import DrawSettings
from ldm.runs.likeness import Reference, evenly
from ldm.runs.look import LOST, Before, LookPlan, Scorer, tiny_decoder, touches_class
from ldm.runs.look_people import words_for
from tests.commands.test_evaluate_people import MeanJudge

LORA = {"target": "ldm.modules.lora.LoraAdapter", "params": {"rank": 2}}
PROMPTS = ("a photo of {}", "a photo of {}, smiling")
SETTINGS = DrawSettings(num_samples=4, seed=7, num_inference_steps=2, batch_size=3)


class Prompts:
    """Says how well prompts with a smile are obeyed; of others nothing."""

    name = "smiles"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.value = 0.5

    def scores(self, images: Any, prompts: Any) -> list[float | None]:
        self.asked += prompts
        return [self.value if "smiling" in prompt else None for prompt in prompts]


@pytest.fixture
def lora(tiny_model: Path) -> Any:
    return LatentDiffusion(tiny_model, personalization_config=LORA).eval()


def scorer_of(model: Any, plan: LookPlan | None = None, prompts: Any = None, judge: Any = None) -> Scorer:
    references = [Reference("ada", Path("ada.jpg"), np.array([0.6, 0.8, 0.0], np.float32))]
    plan = plan or LookPlan(PROMPTS, SETTINGS)
    return Scorer(judge or MeanJudge(), references, {"ada": "sks person"}, plan, 16, prompts)


def test_a_look_at_a_lora(lora: Any) -> None:
    prompts = Prompts()
    scorer = scorer_of(lora, prompts=prompts)
    assert touches_class(lora)
    before = scorer.before(lora)
    assert before.obedience == 0.5
    assert scorer.cost_s(before) == pytest.approx(before.picture_s * 8), "the person and the class"
    look, [ada] = scorer.look(lora, 3, before)
    assert look is not None
    assert ada.prompts == ["a photo of sks person", "a photo of sks person, smiling"] * 2
    assert prompts.asked == ["a photo of a person", "a photo of a person, smiling"] * 4
    assert (look.step, look.drift, look.obedience, look.detected) == (3, pytest.approx(0, abs=1e-5), 1.0, 1.0)
    known = calibration(MeanJudge(), 16)
    assert look.likeness == pytest.approx((ada.scores.mean - known.stranger) / (known.same - known.stranger))
    prompts.value = 0.2
    again, [other] = scorer.look(lora, 5, before)
    assert again is not None
    assert again.obedience == pytest.approx(0.4)
    assert again.identity == look.identity, "the same seeds again"
    assert np.array_equal(np.asarray(ada.pictures[2]), np.asarray(other.pictures[2]))


def test_drift_is_in_the_units_of_likeness(lora: Any) -> None:
    scorer = scorer_of(lora)
    before = scorer.before(lora)
    assert before.nearness is not None
    known = calibration(MeanJudge(), 16)
    farther = Before(before.nearness - (known.same - known.stranger) / 2, None, 0.0)
    look, _ = scorer.look(lora, 0, farther)
    assert look is not None
    assert look.drift == pytest.approx(0.5, abs=1e-4)
    assert look.score == pytest.approx(look.likeness - look.drift)


class Blind(MeanJudge):
    def vectors(self, images: Any) -> list[Any]:
        return [None for _ in images]


def test_a_class_that_lost_its_faces_has_drifted(lora: Any, caplog: pytest.LogCaptureFixture) -> None:
    scorer = scorer_of(lora, judge=Blind())
    assert scorer.before(lora).nearness is None
    assert "drift is not looked at: judge yunet+mobilefacenet_foamliu finds no face in pictures" in caplog.text
    look, _ = scorer.look(lora, 0, Before(0.2, None, 0.0))
    assert look is not None
    assert (look.drift, look.detected) == (LOST, 0.0)


def test_where_nothing_is_asked_for_one_picture_of_the_class_is_enough(tiny_run: Path) -> None:
    from ldm.runs.load import load_model

    model = load_model(tiny_run)
    assert not touches_class(model)
    assert words_for(model, ["ada", "bo"], {"ada": "other"}) == {"ada": "sks", "bo": "sks"}
    judge = MeanJudge()
    seen: list[int] = []
    judge.vectors = lambda images: seen.append(len(images)) or [None] * len(images)  # type: ignore
    before = scorer_of(model, judge=judge).before(model)
    assert (seen, before.nearness, before.obedience) == ([1], None, None)


def test_a_small_decoder_decodes_instead(lora: Any, tmp_path: Path) -> None:
    from diffusers import AutoencoderTiny

    def small(folder: Path, channels: int) -> Path:
        shape = {"encoder_block_out_channels": (4, 4), "decoder_block_out_channels": (4, 4)}
        blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
        AutoencoderTiny(latent_channels=channels, **shape, **blocks).save_pretrained(folder)
        return folder

    plan = LookPlan(PROMPTS, SETTINGS, decoder=small(tmp_path / "taesd", 4))
    ours, theirs = scorer_of(lora), scorer_of(lora, plan)
    [[first], [second]] = [one.look(lora, 0, Before(None, None, 0.0))[1] for one in (ours, theirs)]
    assert first.pictures[0].size == second.pictures[0].size
    assert not np.array_equal(np.asarray(first.pictures[0]), np.asarray(second.pictures[0]))
    assert lora.first_stage_model is not theirs.pipeline(lora).vae, "the model keeps its own"
    with pytest.raises(ValueError, match="decodes latents of 3 channels, those of this model have 4"):
        tiny_decoder(small(tmp_path / "other", 3), lora)
    with pytest.raises(FileNotFoundError, match="holds no small decoder: give a diffusers AutoencoderTiny"):
        tiny_decoder(tmp_path / "nowhere", lora)


def test_of_many_people_some_are_drawn_evenly() -> None:
    assert evenly(list("abcdefghi"), 3) == ["a", "e", "i"]
    assert evenly(["a"], 3) == ["a"]
    assert LookPlan(("{}",), SETTINGS, noun="actor").class_prompts == ["an actor"] * 4


def test_people_with_a_word_of_their_own(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from ldm.runs.likeness import called, photos_of, references_of, words_of

    def part(token: str | None, text: str | None) -> Any:
        photo = SimpleNamespace(path=tmp_path / f"{token}.png", prompt=SimpleNamespace(text=text))
        return SimpleNamespace(token=token, photos=[photo])

    parts = [part("sks", "a photo of {name} man"), part("zwx", "zwx, outside"), part(None, "a style")]
    trainer: Any = SimpleNamespace(datamodule=SimpleNamespace(datasets={"train": SimpleNamespace(parts=parts)}))
    assert photos_of(trainer) == {"sks": [tmp_path / "sks.png"], "zwx": [tmp_path / "zwx.png"]}
    assert words_of(trainer) == {"sks": "sks man", "zwx": "zwx"}
    assert called("sks", "10 photos of sks woman") == "sks woman"
    assert called("ks", "flasks woman") == "ks"
    (tmp_path / "sks.png").write_bytes(b"no picture")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "good.png")
    [found] = references_of(MeanJudge(), {"ada": [tmp_path / "sks.png", tmp_path / "good.png"]})
    assert found.photo == tmp_path / "good.png", "an unreadable photo is passed over"
    with pytest.raises(ValueError, match=r"finds no face in the training photos of bo \(there are none\)"):
        references_of(MeanJudge(), {"bo": []})
