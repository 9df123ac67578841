"""A text encoder that learns by captions what faces look like."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from ldm.batch import Batch
from ldm.models.caption_start import CaptionStart
from ldm.randomness import generator
from ldm.weights.read import read_model
from ldm.weights.text_start import POOLED_SCALE

CAPTIONS = ["a photo of tom hanks", "a photo of emma watson", "a photo of brad pitt and grace kelly"]


@pytest.fixture
def model(tiny_model: Path) -> CaptionStart:
    torch.manual_seed(3)
    return CaptionStart(tiny_model, face_width=6)


@pytest.fixture
def batch() -> Batch:
    draws = generator(4)
    faces = F.normalize(torch.randn(3, 6, generator=draws), dim=1)
    faces[2] = 0  # two people on one picture
    return {"caption": CAPTIONS, "embedding": faces, "latents": torch.randn(3, 4, 8, 8, generator=draws)}


def test_states_are_those_before_at_and_behind_the_end(model: CaptionStart) -> None:
    states = model.states(CAPTIONS)
    ids = model.cond_stage_model.tokenize(CAPTIONS).ids
    hidden = model.cond_stage_model.transformer(input_ids=ids).last_hidden_state
    assert states.shape == (3, 3, 32)
    for row, end in enumerate((6, 6, 9)):
        torch.testing.assert_close(states[:, row], hidden[row, [end - 1, end, 10]])


def test_it_learns_what_captions_say(model: CaptionStart, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, float] = {}
    monkeypatch.setattr(model, "log_dict", lambda values, **_: said.update({k: float(v) for k, v in values.items()}))
    unet = {name: value.clone() for name, value in model.unet.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    first = None
    for step in range(60):
        optimizer.zero_grad()
        model.training_step(batch, step).backward()
        optimizer.step()
        first = first or dict(said)
    assert said["train/face"] < 0.1 * first["train/face"]
    assert said["train/picture"] < 0.3 * first["train/picture"]
    assert all(torch.equal(value, unet[name]) for name, value in model.unet.state_dict().items())


def test_pictures_of_two_have_no_face_to_be_asked_for(model: CaptionStart, batch: Batch) -> None:
    model.picture_weight = 0.0
    batch["caption"] = ["a photo of tom hanks", "a photo of emma watson", "a photo of grace kelly"]
    model.log_dict = lambda *args, **kwargs: None  # type: ignore[method-assign, assignment]
    both = model.training_step(batch, 0)
    alone: Batch = {
        "caption": batch["caption"][:2],
        "embedding": batch["embedding"][:2],
        "latents": batch["latents"][:2],
    }
    torch.testing.assert_close(both, model.training_step(alone, 0))


def test_the_export_is_a_model_whose_pooled_prompt_is_centred(
    model: CaptionStart, tiny_model: Path, tmp_path: Path
) -> None:
    with torch.no_grad():
        model.cond_stage_model.transformer.get_input_embeddings().weight.mul_(3)
    captions = [{"caption": caption} for caption in CAPTIONS]
    model._trainer = SimpleNamespace(datamodule=SimpleNamespace(datasets={"train": captions}))  # type: ignore[assignment]
    files = model.export(tmp_path, 7)
    assert {file.parents[1] for file in files} == {tmp_path / "model_gs-7"}
    written, before = read_model(tmp_path / "model_gs-7"), read_model(tiny_model)
    assert torch.equal(written.unet.conv_in.weight, before.unet.conv_in.weight.half().float())
    rows, old = (part.text_encoder.get_input_embeddings().weight for part in (written, before))
    assert torch.allclose(rows, 3 * old, atol=1e-2)
    norm = written.unet.add_embedding.norm2
    assert float(norm.weight.detach().mean()) == pytest.approx(POOLED_SCALE, rel=1e-3)
    assert not norm.bias.any()
