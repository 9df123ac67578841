"""Make a few photographs of a face look like many: place, light and colour, as functions of a generator."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)


def uniform(low: float, high: float, draws: torch.Generator) -> float:
    """A number in [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=draws))


@dataclass(frozen=True)
class Jitter:
    """How far place, light and colour may vary; 0 varies nothing.

    Attributes:
        flip_p: chance of mirroring.
        shift: of the picture's side, each way.
        zoom: factor 1 ± zoom.
        rotate_deg: degrees, each way.
        brightness: factor 1 ± brightness.
        contrast: factor 1 ± contrast around the mean.
        saturation: factor 1 ± saturation around grey.
        hue: turn of the colour circle, each way, in turns.
        warmth: gain of red against blue, 1 ± warmth.
        shade: a light that falls off linearly over the picture: up to this share from the middle to an edge.
    """

    flip_p: float = 0.5
    shift: float = 0.0
    zoom: float = 0.0
    rotate_deg: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    warmth: float = 0.0
    shade: float = 0.0


PUBLISHED = Jitter(flip_p=0.5, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.01)
NATURAL = Jitter(
    flip_p=0.5,
    shift=0.04,
    zoom=0.08,
    rotate_deg=6.0,
    brightness=0.3,
    contrast=0.25,
    saturation=0.35,
    hue=0.02,
    warmth=0.15,
    shade=0.35,
)


def augment(image: Tensor, jitter: Jitter, draws: torch.Generator, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """A varied copy of ``image`` (3, H, W) in [-1, 1], and ``mask`` (1, H, W) moved along with it (ones if none)."""
    mask = torch.ones_like(image[:1]) if mask is None else mask
    placed = _place(torch.cat([image, mask]), jitter, draws)
    lit = _light((placed[:3] + 1) / 2, jitter, draws)
    return lit.clamp(0, 1) * 2 - 1, placed[3:]


def _place(picture: Tensor, jitter: Jitter, draws: torch.Generator) -> Tensor:
    """Mirror, turn, zoom and shift; what comes in from outside is mirrored."""
    flip = -1.0 if uniform(0, 1, draws) < jitter.flip_p else 1.0
    angle = math.radians(uniform(-jitter.rotate_deg, jitter.rotate_deg, draws))
    scale = 1 + uniform(-jitter.zoom, jitter.zoom, draws)
    x, y = (2 * uniform(-jitter.shift, jitter.shift, draws) for _ in range(2))
    if not (jitter.rotate_deg or jitter.zoom or jitter.shift):
        return picture.flip(-1) if flip < 0 else picture
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    height, width = picture.shape[-2:]  # of the grid, both are 2 long: a turn in pixels is none there
    matrix = torch.tensor([[flip * cos, -flip * sin * (height / width), x], [sin * (width / height), cos, y]])
    grid = F.affine_grid(matrix[None], [1, *picture.shape], align_corners=False)
    return F.grid_sample(picture[None], grid, mode="bilinear", padding_mode="reflection", align_corners=False)[0]


def _light(image: Tensor, jitter: Jitter, draws: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation, hue, warmth and shade of ``image`` (3, H, W) in [0, 1]."""
    height, width = image.shape[-2:]
    luma = torch.tensor(LUMA).view(3, 1, 1)
    image = image * (1 + uniform(-jitter.brightness, jitter.brightness, draws))
    mean = (image * luma).sum(0).mean()
    image = mean + (image - mean) * (1 + uniform(-jitter.contrast, jitter.contrast, draws))
    grey = (image * luma).sum(0, keepdim=True)
    image = grey + (image - grey) * (1 + uniform(-jitter.saturation, jitter.saturation, draws))
    image = torch.einsum("ij,jhw->ihw", hue_rotation(uniform(-jitter.hue, jitter.hue, draws)), image)
    warmth = uniform(-jitter.warmth, jitter.warmth, draws)
    image = image * torch.tensor([1 + warmth, 1.0, 1 - warmth]).view(3, 1, 1)
    direction = uniform(0, 2 * math.pi, draws)
    x = torch.linspace(-1, 1, width) * math.cos(direction)
    y = torch.linspace(-1, 1, height) * math.sin(direction)
    return image * (1 + uniform(0, jitter.shade, draws) * (x[None, :] + y[:, None]))


def hue_rotation(turns: float) -> Tensor:
    """(3, 3) matrix that turns RGB around the grey axis by ``turns`` of a full circle, keeping the sum."""
    angle = 2 * math.pi * turns
    cos, sin = math.cos(angle), math.sin(angle)
    third, root = (1 - cos) / 3, sin / math.sqrt(3)
    a, b, c = cos + third, third - root, third + root
    return torch.tensor([[a, b, c], [c, a, b], [b, c, a]])


def on_black(image: Tensor, mask: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """The face at 10 to 100 % of its size somewhere on a black canvas, as in the published training.

    ``mask`` (1, H, W) moves along with ``image`` (3, H, W); the canvas has its smallest value.
    """
    height, width = image.shape[-2:]
    h = max(1, int(height * uniform(0.1, 1.0, draws)))
    w = min(max(1, int(h * uniform(0.9, 1.1, draws))), width)
    both = torch.cat([image, mask])[None]
    small = F.interpolate(both, size=(h, w), mode="bilinear", align_corners=False, antialias=True)[0]
    top = int(torch.randint(height - h + 1, (), generator=draws))
    left = int(torch.randint(width - w + 1, (), generator=draws))
    canvas = torch.cat([torch.full_like(image, -1.0), torch.full_like(mask, float(mask.min()))])
    canvas[:, top : top + h, left : left + w] = small
    return canvas[:3], canvas[3:].clamp(mask.min(), mask.max())  # resampling leaves 1 at 1 only nearly


def face_weight(points: Tensor, size: int | tuple[int, int], background: float) -> Tensor:
    """(1, H, W) weight of the loss: 1 on the face, ``background`` far from it, a soft edge between.

    Args:
        points: (5, 2) eyes, nose and mouth corners in pixels of the picture.
        size: its height and width, or its side.
        background: weight away from the face, in [0, 1].
    """
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    down = mouth - eyes
    reach = torch.linalg.vector_norm(down)
    centre = eyes + 0.35 * down
    axis = down / reach
    height, width = (size, size) if isinstance(size, int) else size
    places = torch.meshgrid(torch.arange(width) + 0.5, torch.arange(height) + 0.5, indexing="xy")
    grid = torch.stack(places, -1) - centre
    along, across = grid @ axis, grid @ torch.stack([-axis[1], axis[0]])
    radius = torch.sqrt((along / (1.6 * reach)) ** 2 + (across / (1.25 * reach)) ** 2)
    inside = torch.sigmoid((1.0 - radius) * 8)
    return (background + (1 - background) * inside)[None]
