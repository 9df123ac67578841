"""The ways of learning a person that are compared. An arm is a config and what of it differs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from evaluation.scripts import ROOT
from evaluation.studies.bench import PUBLISHED_ON_EMBEDDED
from evaluation.studies.celeb_basis.bases import Axes
from ldm.runs.aligned_folder import sha256_of

CONFIGS = ROOT / "configs" / "stable-diffusion"
OURS = CONFIGS / "celeb_basis.yaml"
MANAGER = "model.params.personalization_config"
DATA = "data.params.train.params"
COUNTS = (16, 64, None)
"""Axes that the names and both controls have; None is all."""


@dataclass(frozen=True)
class Arm:
    """One way of learning people.

    Attributes:
        key: its name in files and on the command line.
        title: its name in tables.
        config: the method.
        overrides: what differs from the config.
        axes: whose axes people are written on.
        num_components: how many of them; None is all.
        kind: ``basis``: coefficients found from a face vector; ``free``: numbers of the person's own; ``mean``: nothing
            is learned, everybody is the mean of the names.
        steps: of a run; None is what the study says.
        people_per_run: learned together; None is what the study says.
        people: only so many of the study's people; None is all.
    """

    key: str
    title: str
    config: Path = OURS
    overrides: tuple[str, ...] = ()
    axes: Axes = "names"
    num_components: int | None = None
    kind: Literal["basis", "free", "mean"] = "basis"
    steps: int | None = None
    people_per_run: int | None = None
    people: int | None = None

    def settings(self) -> dict[str, Any]:
        """What its cells depend on: all but names and how many people, and a hash of every file an override names."""
        given = {key: value for key, value in asdict(self).items() if key not in ("key", "title", "people")}
        values = [override.partition("=")[2] for override in self.overrides]
        files = {value: sha256_of(Path(value))[:16] for value in values if Path(value).is_file()}
        return {**given, "config": self.config.name, "files": files}


OURS_ARM = Arm("ours", "ours: names, all axes")
PUBLISHED_ARM = Arm(
    "published",
    "published settings",
    CONFIGS / "aigc_id.yaml",
    tuple(PUBLISHED_ON_EMBEDDED),
    steps=800,
    people_per_run=2,
)
MEAN_ARM = Arm("mean", "basis mean (nobody)", kind="mean")
FREE_ARM = Arm("free", "free vectors", kind="free", people_per_run=1)
"""Textual inversion: the vectors themselves are learned, from the names' mean on, by one run a person."""
DIFFERENCES = (
    Arm("unit", "ours, coefficients of norm 1", overrides=(f"{MANAGER}.params.coefficient_scale=unit",)),
    Arm("black", "ours, faces on black", overrides=(f"{DATA}.background=black",)),
)
"""Ours with one thing as published."""

CURVE = (25, 50, 100, 200, 400, 800)
CURVE_PEOPLE = 10
"""Steps of a run of ours at which identity is looked at, each a run of its own, and for how many people."""

TITLES = {"names": "names", "random": "random axes", "untrained": "PCA of the untrained table"}


def axes_arms() -> list[Arm]:
    """Names and both controls with few axes, more, and all; names with all is ours."""
    arms = []
    for count in COUNTS:
        for axes, title in TITLES.items():
            label = "all" if count is None else str(count)
            arm = Arm(f"{axes}-{label}", f"{title}, {label} axes", axes=axes, num_components=count)  # type: ignore[arg-type]
            arms.append(OURS_ARM if arm.key == "names-all" else arm)
    return arms


def curve_arms() -> list[Arm]:
    """Ours with other numbers of steps."""
    return [Arm(f"steps-{n}", f"ours, {n} steps", steps=n, people=CURVE_PEOPLE) for n in CURVE]


def all_arms() -> dict[str, Arm]:
    """Every arm by its key, in the order of the tables."""
    others = [arm for arm in axes_arms() if arm != OURS_ARM]
    arms = [OURS_ARM, PUBLISHED_ARM, *DIFFERENCES, *others, FREE_ARM, MEAN_ARM, *curve_arms()]
    return {arm.key: arm for arm in arms}


def difference(text: str) -> Arm:
    """Ours with other values, from ``NAME:KEY=VALUE``, several values with commas.

    Raises:
        ValueError: it cannot be read.
    """
    name, colon, values = text.partition(":")
    overrides = tuple(values.split(","))
    if not (colon and name.isidentifier() and all("=" in value for value in overrides)):
        raise ValueError(
            f"{text!r} is no difference: write NAME:KEY=VALUE, for example rate:model.base_learning_rate=1e-2"
        )
    said = [value.partition("=") for value in overrides]
    title = ", ".join(f"{key.rpartition('.')[2]} {given}" for key, _, given in said)
    return Arm(name, f"ours, {title}", overrides=overrides)


def choose_arms(keys: Sequence[str] | None, differences: Sequence[str] = ()) -> list[Arm]:
    """The arms called ``keys``, all if None, and ours with ``differences``.

    Raises:
        ValueError: there is no such arm, with those that there are; a difference cannot be read, or has an arm's name.
    """
    known = all_arms()
    more = [difference(text) for text in differences]
    if taken := [arm.key for arm in more if arm.key in known]:
        raise ValueError(f"the difference {taken[0]!r} has the name of an arm: give it another")
    if unknown := [key for key in keys or () if key not in known]:
        raise ValueError(f"there is no arm {unknown[0]!r}; there are {', '.join(known)}")
    return [*(known[key] for key in (keys or known)), *more]
