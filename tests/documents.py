"""What docs/ quotes from the code: tables of parameters, the published keys, the picture of the floors.

``python -m tests.documents`` writes it anew; ``tests/test_docs.py`` fails where a document says something else.
A made part stands between ``<!-- made: KIND ARGUMENT -->`` and ``<!-- end -->``; the rest is written by hand.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ldm.config.published import PUBLISHED_KEYS
from ldm.config.schema import signature_of
from ldm.config.words import wanted
from ldm.files import write_text
from ldm.util import get_obj_from_str

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
MADE = re.compile(r"(<!-- made: (\w+)([^\n]*?) -->\n).*?(<!-- end -->)", re.DOTALL)
PUBLISHED_TARGETS = (
    "ldm.models.diffusion.ddpm.LatentDiffusion",
    "ldm.modules.embedding_manager.EmbeddingManagerId",
    "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
    "ldm.data.face_id.FaceIdDatasetOneShot",
    "ldm.data.face_id.FaceIdDatasetStyleGAN3",
    "ldm.data.module.DataModuleFromConfig",
    "ldm.runs.callbacks.ImageLogger",
)
ENTRY = re.compile(r"^    (\w+): (.*)$")


def made(text: str) -> str:
    """``text`` with every made part as the code says it today."""
    makers = {"parameters": parameters, "fields": table_of_fields, "published": published, "floors": floors}
    return MADE.sub(lambda found: f"{found[1]}{makers[found[2]](*found[3].split())}\n{found[4]}", text)


def parameters(target: str) -> str:
    """The parameters of a constructor that YAML may set: key, default, values, meaning."""
    called = get_obj_from_str(target)
    said = entries(inspect.getdoc(called) or "")
    rows = []
    for name, parameter in signature_of(called).parameters.items():
        if parameter.writable:
            default = "**needed**" if parameter.required else f"`{yaml(parameter.default)}`"
            rows.append((f"`{name}`", default, wanted(parameter.hint), said[name]))
    return table(("key", "default", "takes", "what it does"), rows)


def table_of_fields(target: str) -> str:
    """The fields of a dataclass: key, default, meaning."""
    called = get_obj_from_str(target)
    said = entries(inspect.getdoc(called) or "")
    rows = []
    for field in fields(called):
        default = "**needed**" if field.default is MISSING else f"`{yaml(field.default)}`"
        rows.append((f"`{field.name}`", default, said[field.name]))
    return table(("key", "default", "what it is"), rows)


def published() -> str:
    """The keys of published YAML files that are left out, why, and the values that are accepted."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for target in PUBLISHED_TARGETS:
        name, taken = target.rpartition(".")[2], signature_of(get_obj_from_str(target)).parameters
        for key, old in PUBLISHED_KEYS[name].items():
            if key not in taken:
                allowed = " or ".join(f"`{yaml(value)}`" for value in old.harmless) or "any"
                rows.setdefault((name, old.why, allowed), []).append(f"`{key}`")
    cells = [(name, ", ".join(keys), why, allowed) for (name, why, allowed), keys in rows.items()]
    return table(("of", "keys", "why they are left out", "accepted values"), cells)


def floors() -> str:
    """The packages by floor and who imports whom, as Mermaid; what floor 0 gives to all is not drawn."""
    from tests.test_floors import FLOOR, FLOORS, MODULES, imports_of, name_of, package_of

    edges = set()
    for path in MODULES:
        here = package_of(name_of(path))
        ours = (one for one in imports_of(path) if one.split(".")[0] in ("ldm", "evaluation", "main"))
        edges |= {(here, there) for there in map(package_of, ours) if there != here and FLOOR[there] > 0}
    there_are = {package_of(name_of(path)) for path in MODULES}
    lines = ["```mermaid", "flowchart TD"]
    for floor, packages in sorted(FLOORS.items(), reverse=True):
        lines.append(f'  subgraph F{floor}["floor {floor}"]')
        lines += [f'    {node(package)}["{package}"]' for package in packages if package in there_are]
        lines.append("  end")
    lines += [f"  {node(here)} --> {node(there)}" for here, there in sorted(edges)]
    return "\n".join([*lines, "```"])


def node(package: str) -> str:
    """A name that Mermaid takes."""
    return package.replace(".", "_")


def entries(docstring: str) -> dict[str, str]:
    """Name -> text of the ``Args:`` and ``Attributes:`` of a Google docstring."""
    found: dict[str, str] = {}
    inside, name = False, ""
    for line in docstring.splitlines():
        if not line.startswith(" ") and line:
            inside, name = line.strip() in ("Args:", "Attributes:"), ""
        elif inside and (entry := ENTRY.match(line)):
            name = entry[1]
            found[name] = entry[2]
        elif inside and name and line.strip():
            found[name] += " " + line.strip()
    return {key: markdown(text) for key, text in found.items()}


def markdown(text: str) -> str:
    """A docstring's line as Markdown."""
    text = re.sub(r":(?:class|func|mod|meth):`([^`]+)`", r"`\1`", text).replace("``", "`")
    return text.rstrip(".").replace("|", "\\|")


def yaml(value: Any) -> str:
    """A default as YAML writes it in a line."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False, default=str).strip('"')


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def main() -> None:
    """Write all documents anew, each atomically; those that are right stay as they are."""
    for path in DOCUMENTS:
        old = path.read_text(encoding="utf-8")
        if (new := made(old)) != old:
            write_text(path, new)
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
