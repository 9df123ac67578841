"""Who is looked at: the people of a run in training, by the words that stand for them and the photos they have."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from evaluation.judges import load_judge
from evaluation.scores import PromptJudge
from ldm.faces.backend import network_of
from ldm.models.diffusion.pipelines import placeholders_of
from ldm.runs.likeness import evenly, photos_of, references_of, words_of
from ldm.runs.load import knows_people, manager_of
from ldm.runs.look import LookPlan, Scorer

logger = logging.getLogger(__name__)


def scorer_of_run(
    trainer: pl.Trainer,
    model: Any,
    plan: LookPlan,
    judge_name: str,
    prompt_judge: PromptJudge | None,
    max_people: int,
    where: str,
) -> Scorer:
    """The scorer of a training: its people described by the judge, its prompts seen to fit.

    Args:
        trainer: with the data.
        model: what is trained.
        plan: what is drawn.
        judge_name: whose face it is, see :func:`evaluation.judges.load_judge`.
        prompt_judge: whether prompts are obeyed, or None.
        max_people: of more people, so many are drawn.
        where: the callback in the config, for messages.

    Raises:
        ValueError: the data has no photos of anybody, the judge sees no face in them, or a prompt does not fit.
        LookupError: the judge was never measured on strangers; says how to.
    """
    photos = photos_of(trainer)
    if not (photos and getattr(model, "personalization", None)):
        raise ValueError(
            f"{where}: {type(model).__name__} learns nobody from photos here (the training data lists none), so there "
            "is nothing to compare with: leave this callback out, or set disabled: true"
        )
    judge = load_judge(judge_name)
    try:
        references = references_of(judge, photos)
    except ValueError as error:
        raise ValueError(f"{where}: {error}, or set disabled: true") from error
    words = words_for(model, evenly(list(photos), max_people), words_of(trainer))
    scorer = Scorer(judge, references, words, plan, model.sample_size_px, prompt_judge)
    scorer.check(model)
    if knows_people(model) and judge.encoder_name == network_of(manager_of(model).face_encoder_name):
        logger.warning(
            "best checkpoint: the judge (%s) is the network that conditions; fine for choosing, not for claims",
            judge.name,
        )
    return scorer


def words_for(model: Any, names: Sequence[str], called: Mapping[str, str]) -> dict[str, str]:
    """What stands for each of ``names`` in prompts: on the celeb basis the first placeholder, else ``called``."""
    if knows_people(model):
        placeholders = placeholders_of(model)
        assert placeholders is not None  # the method has a word for each person
        return dict.fromkeys(names, placeholders.strings[0])
    return {name: called.get(name, name) for name in names}
