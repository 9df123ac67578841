"""From what is known about a picture to the caption it is trained under: templates, tags, words to fill in."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ldm.data.captions import pick
from ldm.data.templates import STYLE_TEMPLATES, TEMPLATES, caption

TemplateKind = Literal["object", "style", "person"]

_NAME = re.compile(r"\{name\}|\[name\]|\[trigger\]")
_FILEWORDS = re.compile(r"\{filewords\}|\[filewords\]")


@dataclass(frozen=True)
class Tags:
    """How the comma-separated parts of a caption vary.

    Attributes:
        shuffle: draw their order anew each time.
        keep: so many at the front stay where they are.
        dropout: chance that one of the others is left out.
        separator: what stands between them.
    """

    shuffle: bool = False
    keep: int = 0
    dropout: float = 0.0
    separator: str = ","

    def vary(self, caption: str, draws: torch.Generator) -> str:
        """``caption`` with its tags varied; without shuffle and dropout as it is."""
        if not self.shuffle and not self.dropout:
            return caption
        tags = [tag.strip() for tag in caption.split(self.separator) if tag.strip()]
        first, rest = tags[: self.keep], tags[self.keep :]
        if self.dropout and rest:
            kept = torch.rand(len(rest), generator=draws) >= self.dropout
            rest = [tag for tag, keep in zip(rest, kept.tolist(), strict=True) if keep]
        if self.shuffle:
            rest = [rest[i] for i in torch.randperm(len(rest), generator=draws).tolist()]
        glue = self.separator if self.separator.isspace() else f"{self.separator.rstrip()} "
        return glue.join([*first, *rest])


@dataclass(frozen=True)
class Prompt:
    """How captions are made.

    Attributes:
        text: the instance prompt; ``{name}``, ``[name]`` and ``[trigger]`` stand for the name, ``[filewords]`` and
            ``{filewords}`` for the picture's own caption.
        name: who or what the pictures show.
        templates: instead of ``text``, a sentence drawn anew each time.
        tags: how a caption's tags vary.
    """

    text: str | None = None
    name: str | None = None
    templates: TemplateKind | None = None
    tags: Tags = Tags()

    def of(self, own: str | None, draws: torch.Generator) -> str:
        """The caption of a picture whose ``own`` caption is this, or None."""
        words = None if own is None else self.tags.vary(self._named(own), draws)
        if self.templates is not None:
            sentence = self._template(draws)
            return sentence if not words else f"{sentence}, {words}"
        if words is not None and (self.text is None or not _FILEWORDS.search(self.text)):
            return words
        return self._filled(self.text or "", words)

    def longest(self, own: str | None) -> list[str]:
        """Captions of which one is the longest that :meth:`of` may give: to see before training what does not fit."""
        whole = Prompt(self.text, self.name, None)
        if self.templates is None:
            return [whole.of(own, torch.Generator())]
        added = "" if own is None else f", {self._named(own)}"
        return [f"{sentence}{added}" for sentence in self._sentences()]

    def _filled(self, text: str, words: str | None) -> str:
        """``text`` with name and words in their places; what an empty place leaves behind is tidied."""
        filled = _FILEWORDS.sub(lambda _: words or "", self._named(text))
        return filled if words else re.sub(r"(\s*,)+\s*$|^(\s*,)+\s*", "", re.sub(r"(,\s*){2,}", ", ", filled)).strip()

    def _named(self, text: str) -> str:
        if self.name is None and (found := _NAME.search(text)):
            raise ValueError(f"{text!r} has a place for a name ({found[0]}), but none is given: set token")
        return _NAME.sub(lambda _: self.name or "", text)

    def _sentences(self) -> Sequence[str]:
        """All that the templates can say."""
        return [_say(template, self._who(), self.templates) for template in _TEMPLATES[self.templates or "object"]]

    def _template(self, draws: torch.Generator) -> str:
        return _say(pick(_TEMPLATES[self.templates or "object"], draws), self._who(), self.templates)

    def _who(self) -> str:
        if not self.name:
            raise ValueError("templates need the word that they are filled with: set token")
        return self.name


_TEMPLATES: dict[str, Sequence[str]] = {"object": TEMPLATES, "person": TEMPLATES, "style": STYLE_TEMPLATES}


def _say(template: str, who: str, kind: TemplateKind | None) -> str:
    """A person has a name and goes without an article; an object is a noun."""
    return caption(template, who, article=kind != "person")


def shortened(text: str, fits: Callable[[str], bool], separator: str = ",") -> str:
    """``text`` without as many of its last tags, or words, as it takes until it fits."""
    glue = separator if separator in text else " "
    parts = text.split(glue)
    while len(parts) > 1 and not fits(glue.join(parts)):
        parts.pop()
    return glue.join(parts)
