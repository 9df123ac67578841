"""The bench: what is timed, and what the floor is."""

from pathlib import Path

import pytest

from evaluation.scripts import ROOT
from evaluation.studies import bench as study
from evaluation.studies.timing import Case, build_case, floor_step

CONFIG = ROOT / "configs/stable-diffusion/celeb_basis.yaml"
SMALL = [
    "model.params.face_backend=yunet-sface",
    "lightning.trainer.accelerator=cpu",
    "data.params.batch_size=2",
    "data.params.train.params.num_variants=2",
]


@pytest.fixture(scope="module")
def ours(tiny_model: Path, tiny_manifest: Path) -> Case:
    return build_case("ours", CONFIG, tiny_model, tiny_manifest, SMALL)


@pytest.fixture(scope="module")
def published(tiny_model: Path, tiny_manifest: Path) -> Case:
    config = CONFIG.with_name("aigc_id.yaml")
    small = [one for one in SMALL if "num_variants" not in one]
    return build_case("published", config, tiny_model, tiny_manifest, [*small, *study.PUBLISHED_ON_EMBEDDED])


def test_cases_know_what_their_steps_do(ours: Case, published: Case) -> None:
    assert (ours.batch_size, ours.encodes) == (2, False)
    assert (published.batch_size, published.encodes) == (2, True)


def test_steps_and_floors_in_turns(ours: Case, published: Case) -> None:
    found = study.measure([ours, published], steps=2, repeats=3)
    for case in (ours, published):
        one = found[case.name]
        assert len(one["floor_ms"]) == len(one["step_ms"]) == 3
        assert min(*one["floor_ms"], *one["step_ms"]) > 0
        ratios = sorted(s / f for s, f in zip(one["step_ms"], one["floor_ms"], strict=True))
        assert one["ratio"] == pytest.approx(ratios[1], abs=0.01)
    text = study.section(
        study.table_of(found, [ours, published]), found | {"machine": "here", "repeats": 3, "steps": 2}
    )
    assert "UNet + text encoder + VAE encode" in text
    assert "| ours | 2 |" in text


def test_the_floor_encodes_where_the_method_does(ours: Case, published: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    for case in (ours, published):
        stage = case.model.first_stage_model
        encode = stage.encode
        monkeypatch.setattr(stage, "encode", lambda x, n=case.name, encode=encode: encoded.append(n) or encode(x))
        floor_step(case)()
        assert case.model.unet.conv_in.weight.grad is None  # frozen, as in training
    assert encoded == ["published"]


def test_the_floor_reaches_the_token_vectors(ours: Case) -> None:
    """Its backward pass is a whole one: the gradient arrives where the method puts its vectors."""
    reached = []
    embedding = ours.model.cond_stage_model.transformer.get_input_embeddings()
    step = floor_step(ours)

    def watch(_module, _args, vectors):  # type: ignore[no-untyped-def]
        vectors = vectors.clone().requires_grad_()
        vectors.register_hook(lambda gradient: reached.append(float(gradient.abs().sum())))
        return vectors

    handle = embedding.register_forward_hook(watch)
    try:
        step()
    finally:
        handle.remove()
    assert reached
    assert reached[0] > 0
