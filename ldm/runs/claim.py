"""Results that are added to: a folder says with which settings they were made, so that others are never mixed in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ldm.files import write_json


def claim(out: Path, settings: Mapping[str, Any], name: str = "study.json") -> None:
    """Keep ``settings`` in ``out``, so that pictures of different settings are never counted together.

    Raises:
        ValueError: ``out`` holds pictures made with other settings.
    """
    file, wanted = out / name, json.loads(json.dumps(settings))
    earlier = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else wanted
    if earlier != wanted:
        changed = ", ".join(
            f"{key}: {earlier.get(key)} is now {wanted.get(key)}"
            for key in earlier | wanted
            if earlier.get(key) != wanted.get(key)
        )
        raise ValueError(f"{out} holds pictures made with other settings ({changed}): name another folder with --out")
    write_json(file, wanted)
