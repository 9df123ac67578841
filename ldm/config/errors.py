"""The one error of a config: all that is wrong with it."""

from collections.abc import Sequence
from pathlib import Path


class ConfigError(ValueError):
    """Everything that is wrong with a config, one line a problem."""

    def __init__(self, problems: Sequence[str], paths: Sequence[Path] = ()) -> None:
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        where = " + ".join(str(path) for path in paths)
        super().__init__(f"{count} in the config {where}".rstrip() + "".join(f"\n  {line}" for line in self.problems))
