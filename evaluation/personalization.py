"""The report of `evaluate personalization`: do pictures show the people who were asked for, as they were asked for?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from evaluation import personalization_parts as parts
from evaluation.report import Gallery, Report, Table, rounded
from evaluation.scores import Score
from evaluation.summary import FEW_PEOPLE, Identity, Standard, identity_of


@dataclass(frozen=True)
class Evaluation:
    """All that was measured.

    Attributes:
        name: of the run.
        scores: one for each person of each picture.
        standards: judge -> what its cosines are held against; the first judge gives the headline.
        conditioned_by: the face networks that the model was conditioned on or trained with.
        encoders: judge -> its face network.
        prompt_judge: who scored prompts, None if nobody.
        diversity: task -> (diversity, among verified pictures only); "" is over all tasks.
        distance: what diversity is measured by.
        more: further numbers: name -> value, such as similarities of DINO.
        notices: what else must be said.
        settings: how it was drawn and scored.
    """

    name: str
    scores: Sequence[Score]
    standards: Mapping[str, Standard]
    conditioned_by: frozenset[str]
    encoders: Mapping[str, str]
    prompt_judge: str | None = None
    diversity: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    distance: str = ""
    more: Mapping[str, float] = field(default_factory=dict)
    notices: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The judge of the headline: the first whose network took no part."""
        held_out = [name for name in self.standards if self.encoders[name] not in self.conditioned_by]
        return held_out[0]

    def of(self, scores: Sequence[Score], judge: str = "") -> Identity:
        """The numbers of ``scores`` by ``judge``, the first one if not given."""
        return identity_of(scores, judge or self.first, self.standards[judge or self.first])


def report(found: Evaluation) -> Report:
    """Everything on one page.

    Raises:
        ValueError: there are no scores.
    """
    if not found.scores:
        raise ValueError("nothing to report: no picture shows a prompt about anybody of this run")
    whole = found.of(found.scores)
    said = "no face was found in any picture" if whole.detection == 0 else f"face found in {whole.detection:.0%}"
    lead = (
        f"{whole.people} {'person' if whole.people == 1 else 'people'}, "
        f"{len({score.file for score in found.scores})} pictures; by {found.first}: identity {whole.mean:.3f}, "
        f"{'' if whole.percent is None else f'{whole.percent:.0f} % of what another real photo gets, '}{said}."
    )
    made: list[Table | Gallery] = [parts.judges(found), parts.tasks(found), parts.people(found), parts.prompts(found)]
    if len(found.standards) > 1:
        made.append(parts.agreement(found))
    if found.more:
        made.append(Table("Similarity of pictures", ["measure", "cosine"], [[k, v] for k, v in found.more.items()]))
    made += [*parts.galleries(found), parts.pictures(found)]
    values = {
        "kind": "personalization",
        "headline": {key: rounded(value) for key, value in asdict(whole).items()},
        "judge": found.first,
        "undetected": {name: s.calibration.undetected for name, s in found.standards.items()},
        "ceilings": {
            name: {person: rounded(value) for person, value in standard.ceilings.items()}
            for name, standard in found.standards.items()
        },
        "scores": [_row_of(score) for score in found.scores],
    }
    return Report(f"Personalization: {found.name}", lead, _notices(found, whole), made, found.settings, values)


def _notices(found: Evaluation, whole: Identity) -> list[str]:
    """What must not be overlooked."""
    said = []
    took_part = sorted(name for name in found.standards if found.encoders[name] in found.conditioned_by)
    networks = ", ".join(sorted(found.conditioned_by))
    if took_part:
        said.append(f"{networks} conditioned or trained the model: the rows of {', '.join(took_part)} flatter.")
    elif networks:
        said.append(f"The model was conditioned by {networks}, which judges nothing here.")
    if whole.people < FEW_PEOPLE:
        said.append(f"{whole.people} people: fewer than {FEW_PEOPLE}, so take the intervals for what they are.")
    alone = sorted({s.person for s in found.scores if s.judges[found.first].others is None})
    if alone:
        said.append(
            f"The copy-paste gap cannot be measured for {', '.join(alone[:5])}{' ...' if len(alone) > 5 else ''}: "
            "there is no other photo of them (--photos)."
        )
    if whole.gap_share is not None and whole.gap_share > 0.5:
        said.append("Pictures are much closer to the given photos than to other photos of the same people: copies.")
    if found.prompt_judge is None:
        said.append("Nobody judged whether prompts were obeyed: give --clip FOLDER (CLIP) or --celeba FOLDER.")
    return [*said, *found.notices]


def _row_of(score: Score) -> dict[str, Any]:
    """A score for the JSON file."""
    judges = {
        name: {key: rounded(parts.known(cosine)) for key, cosine in asdict(cosines).items()}
        for name, cosines in score.judges.items()
    }
    row = {key: value for key, value in asdict(score).items() if key not in ("file", "judges")}
    return {"file": score.file.name, **row, "judges": judges}
