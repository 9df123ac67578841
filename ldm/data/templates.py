"""Caption templates: short sentences about a photograph with a gap for whom it shows.

All of them call the picture a photo, picture, portrait or the like, since photographs are what a person is learned
from. ``{}`` takes a noun phrase without an article ("face of sks person"); a bare name ("Ada Lovelace", "sks") goes
in by :func:`caption` with ``article=False``.
"""

import re

TEMPLATES: tuple[str, ...] = (
    "a photo of a {}",
    "a photo of the {}",
    "a photo of one {}",
    "a photo of my {}",
    "a photo of a nice {}",
    "a photo of the nice {}",
    "a photo of a clean {}",
    "a photo of the clean {}",
    "a photo of a cool {}",
    "a photo of the cool {}",
    "a photo of a small {}",
    "a photo of the small {}",
    "a photo of a large {}",
    "a photo of the large {}",
    "a good photo of a {}",
    "a good photo of the {}",
    "a bad photo of a {}",
    "a bad photo of the {}",
    "a bright photo of a {}",
    "a bright photo of the {}",
    "a dark photo of a {}",
    "a dark photo of the {}",
    "a blurry photo of a {}",
    "a blurry photo of the {}",
    "a sharp photo of a {}",
    "a sharp photo of the {}",
    "a cropped photo of a {}",
    "a cropped photo of the {}",
    "a close-up photo of a {}",
    "a close-up photo of the {}",
    "a black and white photo of a {}",
    "a black and white photo of the {}",
    "a colour photo of a {}",
    "a colour photo of the {}",
    "a low resolution photo of a {}",
    "a low resolution photo of the {}",
    "a jpeg photo of a {}",
    "a jpeg photo of the {}",
    "a pixelated photo of a {}",
    "a pixelated photo of the {}",
    "a candid photo of a {}",
    "a candid photo of the {}",
    "a picture of a {}",
    "a picture of the {}",
    "a good picture of a {}",
    "a close-up picture of a {}",
    "a cropped picture of a {}",
    "a portrait of a {}",
    "a portrait of the {}",
    "a snapshot of a {}",
    "a snapshot of the {}",
    "a photograph of a {}",
    "a photograph of the {}",
    "a rendering of a {}",
    "a rendering of the {}",
    "a rendition of a {}",
    "a depiction of a {}",
)
"""57 templates for one person, as many distinct ones as the published list has."""

DUAL_TEMPLATES: tuple[str, ...] = (
    "a photo of {} and {}",
    "a photo of {} with {}",
    "a photo of {} beside {}",
    "a photo of {} next to {}",
    "a good photo of {} and {}",
    "a bright photo of {} and {}",
    "a dark photo of {} and {}",
    "a close-up photo of {} and {}",
    "a picture of {} and {}",
    "a picture of {} together with {}",
    "a portrait of {} and {}",
    "a snapshot of {} and {}",
)
"""Templates for two people, the left one first; the gaps take noun phrases with their article, or bare names."""

STYLE_TEMPLATES: tuple[str, ...] = (
    "a picture in the style of {}",
    "a painting in the style of {}",
    "a drawing in the style of {}",
    "a sketch in the style of {}",
    "an artwork in the style of {}",
    "a rendering in the style of {}",
    "a close-up in the style of {}",
    "a bright picture in the style of {}",
    "a dark picture in the style of {}",
    "a small painting in the style of {}",
    "a large painting in the style of {}",
    "a good picture in the style of {}",
    "a cropped painting in the style of {}",
    "a colour drawing in the style of {}",
    "a black and white drawing in the style of {}",
    "a portrait in the style of {}",
    "a landscape in the style of {}",
    "a still life in the style of {}",
)
"""Templates for a manner of painting or drawing rather than what is seen."""

_ARTICLE = re.compile(r"\b(?:a|the|one|my)(?: (?:nice|clean|cool|small|large))? (?=\{\})")


def caption(template: str, *who: str, article: bool = True) -> str:
    """``template`` with its gaps filled by ``who``, from left to right.

    Args:
        template: a sentence with one ``{}`` for each of ``who``.
        who: what fills the gaps.
        article: False leaves out the words that cannot stand before a name: "a photo of the cool {}" with "Ada
            Lovelace" gives "a photo of Ada Lovelace".

    Raises:
        ValueError: the number of gaps is not the number of fillings.
    """
    if (gaps := template.count("{}")) != len(who):
        raise ValueError(f"the template {template!r} has {gaps} gap(s) '{{}}', but {len(who)} filling(s) were given")
    if not article:
        template = _ARTICLE.sub("", template)
    return template.format(*who)
