"""Put a person into a text-to-image diffusion model.

``from ldm import load; pipe = load("logs/RUN")`` gives a diffusers pipeline in which ``sks`` works.
"""

from typing import Any

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import ``load`` when it is asked for: everything that it needs takes seconds to import."""
    if name != "load":
        raise AttributeError(f"module 'ldm' has no attribute {name!r}")
    from ldm.runs.load import load

    return load
