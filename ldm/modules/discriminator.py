"""A patch discriminator: says of every patch of a picture whether it is a photo."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional as F


class PatchDiscriminator(nn.Module):
    """Pictures (N, 3, H, W) to logits (N, 1, h, w); a logit sees a patch of 70 px with three layers.

    Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", appendix 6.1.2; with
    group instead of batch normalization, since a batch holds photos only or drawings only.

    Args:
        width: channels of the first layer.
        num_layers: strided layers.
    """

    def __init__(self, width: int = 64, num_layers: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        before = width
        for number in range(1, num_layers + 1):
            after = width * min(2**number, 8)
            layers += [nn.Conv2d(before, after, 4, 2 if number < num_layers else 1, 1, bias=False)]
            layers += [nn.GroupNorm(min(32, after), after), nn.LeakyReLU(0.2)]
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, 1, 4, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, h, w) logits: above 0 is a photo."""
        logits: Tensor = self.layers(images)
        return logits

    @contextmanager
    def fixed(self) -> Iterator[None]:
        """Inside the block it judges without learning: gradients go through to the pictures only."""
        self.requires_grad_(False)
        try:
            yield
        finally:
            self.requires_grad_(True)


def hinge(photos: Tensor, drawings: Tensor) -> Tensor:
    """What the discriminator minimizes (Lim and Ye 2017, "Geometric GAN")."""
    return (F.relu(1 - photos).mean() + F.relu(1 + drawings).mean()) / 2
