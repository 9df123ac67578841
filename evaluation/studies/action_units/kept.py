"""What was found out about pictures, one JSON object a line, so that a long job can be stopped and goes on."""

import json
from pathlib import Path
from typing import Any


class Kept:
    """Values by key, in a file that grows.

    Args:
        file: the lines; one that was cut off does not count.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._rows: dict[str, Any] = {}
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            self._rows[row["key"]] = row["value"]
        self._whole = not lines or file.read_bytes().endswith(b"\n")

    def get(self, key: str) -> Any:
        """What is kept under ``key``; None where nothing is."""
        return self._rows.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep ``value``, as JSON takes it."""
        self._rows[key] = value
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(("" if self._whole else "\n") + json.dumps({"key": key, "value": value}) + "\n")
        self._whole = True
