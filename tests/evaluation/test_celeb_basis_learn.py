"""The study's learning: the real trainer on one model, and bases without names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from evaluation.studies.celeb_basis.arms import MEAN_ARM, all_arms, difference
from evaluation.studies.celeb_basis.bases import basis_of
from evaluation.studies.celeb_basis.cells import Cells
from evaluation.studies.celeb_basis.learn import Learner
from evaluation.studies.celeb_basis.looks import Looker
from evaluation.studies.celeb_basis.pairs import score_pairs
from evaluation.studies.celeb_basis.results import Known
from evaluation.studies.celeb_basis.study import Plan, drawer_of, fill
from tests.evaluation.people import ToneJudge

PEOPLE = ["eileen_collins", "grace_hopper"]


@pytest.fixture(scope="module")
def learner(tiny_model: Path, tiny_manifest: Path) -> Learner:
    return Learner(tiny_model, tiny_manifest, PEOPLE)


def test_controls_differ_from_names_only_in_where_their_axes_point(learner: Learner) -> None:
    names = learner.names
    for kind in ("random", "untrained"):
        control = basis_of(names, kind, 4, learner.model)  # type: ignore[arg-type]
        assert torch.equal(control.mean, names.mean)
        assert torch.equal(control.names_scale(), names.names_scale()[:, :4])
        gram = control.axes @ control.axes.transpose(1, 2)
        assert torch.allclose(gram, torch.eye(4).expand(2, 4, 4), atol=1e-5)
        assert not torch.allclose(control.axes, names.axes[:, :4], atol=0.1)
        assert basis_of(names, kind, 4, learner.model).hash == control.hash  # type: ignore[arg-type]
    assert basis_of(names, "names", None, learner.model).hash == names.hash
    with pytest.raises(ValueError, match="999 axes asked for, but the names span"):
        basis_of(names, "random", 999, learner.model)


@pytest.mark.parametrize("key", ["ours", "published", "untrained-16", "free"])
def test_an_arm_moves_people_and_nothing_else_and_starts_anew(learner: Learner, key: str) -> None:
    arm = all_arms()[key]
    if arm.num_components:
        arm = replace(arm, num_components=4)  # twelve names have eleven axes at most
    people = PEOPLE[:1] if key == "free" else PEOPLE
    before = {name: value.clone() for name, value in learner.model.unet.state_dict().items()}
    first, again = learner.learn(arm, people, 2), learner.learn(arm, people, 2)
    assert torch.equal(first.vectors, again.vectors)
    assert first.steps == 2
    assert first.vectors.shape == (len(people), *learner.names.mean.shape)
    assert not torch.allclose(first.vectors, learner.names.mean.expand_as(first.vectors))
    assert all(torch.equal(value, before[name]) for name, value in learner.model.unet.state_dict().items())


def test_a_difference_reaches_the_model(learner: Learner) -> None:
    node = "model.params.objective_config"
    objective = f"{node}.target=ldm.modules.objective.DiffusionObjective,{node}.params.min_snr_gamma=5"
    few = "model.params.cond_stage_config.params.n_components=3"
    learner.learn(difference(f"few:{few},{objective},model.params.caption_dropout=0.5"), PEOPLE, 1)
    assert learner.model.personalization.basis.num_components == 3
    assert learner.model.objective.min_snr_gamma == 5
    assert learner.model.caption_dropout == 0.5
    learner.learn(all_arms()["ours"], PEOPLE, 1)
    assert learner.model.objective.min_snr_gamma is None
    with pytest.raises(
        ValueError, match=r"arm slow: model\.params\.compile_unet is True, but arms share a model with False"
    ):
        learner.learn(difference("slow:model.params.compile_unet=true"), PEOPLE, 1)


def test_people_come_in_the_order_asked_for(learner: Learner) -> None:
    arm = all_arms()["ours"]
    straight, turned = learner.learn(arm, PEOPLE, 3), learner.learn(arm, PEOPLE[::-1], 3)
    assert torch.equal(straight.vectors, turned.vectors.flip(0))


class NoAttributes:
    """Sees nothing anywhere."""

    def __call__(self, pictures: Sequence[Image.Image]) -> dict[str, NDArray[np.float64]]:
        return {"Smiling": np.full(len(pictures), np.nan)}


def test_cells_are_done_once(
    learner: Learner, colour_judge, person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    plan = Plan(people_per_run=2, steps=2, each=2, asked=1, drawing_steps=2)
    for module in ("cells", "looks"):
        asked = {"a photo of {}, smiling": ("Smiling", True)}
        monkeypatch.setattr(f"evaluation.studies.celeb_basis.{module}.ASKED", asked)
    drawer = drawer_of(learner, plan)
    cells, arms = Cells(tmp_path), [MEAN_ARM, all_arms()["ours"]]
    fill(cells, arms, PEOPLE, learner, drawer, plan)
    made = cells.read("ours", PEOPLE[0])
    assert made.steps == 2
    assert made.pictures == 8.0
    assert max(cells.read("mean", PEOPLE[0]).distance) == 0.0
    assert min(made.distance) > 0.0
    assert [picture.size for picture in cells.pictures("ours", PEOPLE[0])] == [(16, 16)] * 3
    monkeypatch.setattr(learner, "learn", None)  # nothing is left to learn
    fill(cells, arms, PEOPLE, learner, drawer, plan)
    assert "2 of 2 runs are done already" in capsys.readouterr().out
    known = Known(dict(zip(PEOPLE, (person("red"), person("blue")), strict=True)), {}, -0.1)
    looker = Looker(cells, colour_judge, NoAttributes())  # type: ignore[arg-type]
    assert looker.look("ours", PEOPLE[0]).obedience == {"Smiling": 0.0}
    assert len(looker.look("ours", PEOPLE[0]).vectors) == 2
    found = score_pairs(looker, arms[1], PEOPLE, drawer, known, each=1)
    assert found[0]["n"] == 2  # one in each order
    with monkeypatch.context() as kept:
        kept.setattr("evaluation.studies.celeb_basis.pairs.score_one", None)  # nothing is left to draw
        assert score_pairs(looker, arms[1], PEOPLE, drawer, known, each=1) == found
    assert (tmp_path / "ours" / "pairs" / "eileen_collins__grace_hopper.colours.json").is_file()
    assert score_pairs(looker, arms[1], PEOPLE, drawer, known, each=2)[0]["n"] == 4
    looker.judge = ToneJudge()
    references = dict.fromkeys(PEOPLE, np.eye(3, dtype=np.float32)[0])
    score_pairs(looker, arms[1], PEOPLE, drawer, Known(references, {}, -0.1), each=1)
    kinds = {file.name.partition(".")[2] for file in (tmp_path / "ours" / "pairs").iterdir()}
    assert kinds == {"colours.json", "tones.json"}, "each judge has its own"
