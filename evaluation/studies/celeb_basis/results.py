"""From cells to numbers: how well an arm tells people apart, how well it obeys, and differences between arms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Interval, auc_difference, auc_interval, bootstrap_mean, paired_difference
from evaluation.identity import Vector
from evaluation.studies.celeb_basis.arms import curve_arms
from evaluation.studies.celeb_basis.cells import Cell
from evaluation.studies.celeb_basis.looks import Look
from evaluation.studies.names import score_matrix

Measure = Literal["auc", "auc_same_sex", "cosine", "obedience"]
MEASURES: dict[Measure, str] = {
    "auc": "AUC",
    "auc_same_sex": "AUC, same sex",
    "cosine": "cosine",
    "obedience": "obedience",
}


class Appearance(NamedTuple):
    """What everybody sees at once: strangers who share it are told apart by their faces alone."""

    man: bool
    hair: str
    glasses: bool


@dataclass(frozen=True)
class Known:
    """What is known of the people beside the pictures.

    Attributes:
        references: by name, the judge's mean vector of photos that nobody learned from.
        appearances: by name, what their photos show.
        undetected: what a picture without a face counts as.
    """

    references: Mapping[str, Vector]
    appearances: Mapping[str, Appearance]
    undetected: float

    @property
    def men(self) -> int:
        """How many are men."""
        return sum(one.man for one in self.appearances.values())

    def same_sex(self, people: Sequence[str]) -> NDArray[np.bool_]:
        """(N, N) whether two people are of the same sex."""
        return self._equal([self.appearances[person].man for person in people])

    def alike(self, people: Sequence[str]) -> NDArray[np.bool_]:
        """(N, N) whether two people are of the same sex, and both have such hair, and glasses or none."""
        return self._equal([str(self.appearances[person]) for person in people])

    @staticmethod
    def _equal(own: Sequence[object]) -> NDArray[np.bool_]:
        values = np.array(own)
        return np.asarray(values[:, None] == values[None, :])


class ArmResult:
    """The numbers of one arm.

    Args:
        cells: of its people.
        looks: what was seen of each.
        known: of everybody.
        title: of the arm.
    """

    def __init__(self, cells: Sequence[Cell], looks: Sequence[Look], known: Known, title: str = "") -> None:
        self.cells, self.looks, self._known, self.title = list(cells), list(looks), known, title
        self.people = [cell.person for cell in cells]
        references = [known.references[person] for person in self.people]
        self.scores = score_matrix([look.vectors for look in looks], references, known.undetected)  # (N, N)

    def of(self, people: Sequence[str]) -> "ArmResult":
        """The same arm for some of its people."""
        places = [self.people.index(person) for person in people]
        cells, looks = [self.cells[place] for place in places], [self.looks[place] for place in places]
        return ArmResult(cells, looks, self._known, self.title)

    @property
    def cosines(self) -> NDArray[np.float64]:
        """(N,) mean cosine of each person's pictures to the person."""
        return np.diag(self.scores)

    @property
    def obedience(self) -> NDArray[np.float64]:
        """(N,) how much more an attribute is seen where it was asked for, mean over the attributes."""
        return np.array([np.mean(list(look.obedience.values())) for look in self.looks])

    @property
    def detected(self) -> float:
        """Share of the plain pictures in which a face was found."""
        return float(np.mean([face is not None for look in self.looks for face in look.faces]))

    def interval(self, measure: Measure) -> Interval:
        """A measure with its 95 % interval over people."""
        if measure == "cosine":
            return bootstrap_mean(self.cosines)
        if measure == "obedience":
            return bootstrap_mean(self.obedience)
        return auc_interval(self.scores, strangers=self._strangers(measure))

    def alike(self) -> Interval | None:
        """The AUC against strangers who are alike but for the face; None where nobody is."""
        strangers = self._known.alike(self.people)
        return None if strangers.sum() == len(self.people) else auc_interval(self.scores, strangers=strangers)

    def less(self, other: "ArmResult", measure: Measure) -> Interval:
        """A measure less that of another arm, over the people of both, the same resampled in both."""
        shared = [person for person in self.people if person in other.people]
        one, two = self.of(shared), other.of(shared)
        if measure == "cosine":
            return paired_difference(one.cosines, two.cosines)
        if measure == "obedience":
            return paired_difference(one.obedience, two.obedience)
        return auc_difference(one.scores, two.scores, strangers=one._strangers(measure))

    def _strangers(self, measure: Measure) -> NDArray[np.bool_] | None:
        return self._known.same_sex(self.people) if measure == "auc_same_sex" else None


def word(difference: Interval) -> str:
    """What a difference says, by its interval."""
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "not told apart"


def verdict(results: Mapping[str, ArmResult], counts: Sequence[int | None]) -> str:
    """Whether the names' axes are worth more than axes without names, in words that follow from the intervals."""
    lines, won = [], []
    measures: dict[Measure, str] = {"auc": "identity (AUC)", "obedience": "obedience"}
    for count in counts:
        label = "all" if count is None else str(count)
        names = results.get("ours" if count is None else f"names-{label}")
        controls = {kind: results.get(f"{kind}-{label}") for kind in ("random", "untrained")}
        if names is None or None in controls.values():
            continue
        for measure, title in measures.items():
            said = {k: names.less(other, measure) for k, other in controls.items() if other is not None}
            words = {kind: word(difference) for kind, difference in said.items()}
            if set(words.values()) == {"better"}:
                won.append(f"{label} axes in {title}")
            lines.append(
                f"* {label} axes, {title}: names less random axes {shown(said['random'])}, {words['random']}; less "
                f"those of the untrained table {shown(said['untrained'])}, {words['untrained']}."
            )
    if not lines:
        return "The controls were not run: nothing can be said of the names."
    head = (
        f"**Names beat both controls with {', '.join(won)}**; in nothing else of AUC and obedience, which alone are "
        "looked at here."
        if won
        else "**Names do not beat the controls**: neither in AUC nor in obedience, which alone are looked at here, is "
        "the basis of names better than both random axes and the axes of an untrained table."
    )
    return head + "\n\n" + "\n".join(lines)


def shown(interval: Interval, sign: bool = True) -> str:
    """An interval as text."""
    form = "{:+.3f} ({:+.3f} to {:+.3f})" if sign else "{:.3f} ({:.3f} to {:.3f})"
    return form.format(interval.value, interval.low, interval.high)


def curve_of(results: Mapping[str, ArmResult]) -> dict[int, ArmResult]:
    """Ours by its number of steps, of the arms that differ in nothing else."""
    arms = {arm.key: arm.steps or 0 for arm in curve_arms()}
    return {arms[key]: result for key, result in results.items() if key in arms}


def shortest(results: Mapping[int, ArmResult]) -> int:
    """The fewest steps whose pictures are not told apart from those of the most steps, or better: by mean cosine."""
    longest = results[max(results)]
    kept = [steps for steps, result in results.items() if word(result.less(longest, "cosine")) != "worse"]
    return min([*kept, max(results)])
