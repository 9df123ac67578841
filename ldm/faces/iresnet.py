"""IResNet, the network that CelebBasis describes faces with: 112-px ArcFace crops in, 512 numbers out.

Source: Duta et al. 2020, "Improved Residual Networks"; parameters are named as in the published files of
insightface's ArcFace and CosFace (``backbone.pth``), so that these can be read.
"""

from collections.abc import Sequence

from torch import Tensor, nn

BLOCKS = {
    (2, 2, 2, 2): 18,
    (3, 4, 6, 3): 34,
    (3, 4, 14, 3): 50,
    (3, 13, 30, 3): 100,
    (6, 26, 60, 6): 200,
}
"""Blocks a stage -> what the network is called after."""

IRESNET_100 = (3, 13, 30, 3)
WIDTHS = (64, 128, 256, 512)
GRID_PX = 7
"""Side of the last feature map: 112 halved four times."""


class Block(nn.Module):
    """Normalise, convolve, normalise, bend, convolve (with ``stride``), normalise; beside it the input itself."""

    def __init__(self, inputs: int, outputs: int, stride: int, downsample: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        beside = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)] if downsample else []
        self.downsample = nn.Sequential(*beside)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.conv1(self.bn1(x))
        y = self.bn3(self.conv2(self.prelu(self.bn2(y))))
        return y + self.downsample(x)  # type: ignore[no-any-return]


class IResNet(nn.Module):
    """Face network: (B, 3, 112, 112) RGB in [-1, 1] -> (B, dim), not normalised.

    Args:
        blocks: in each of the four stages; the default is IResNet-100.
        widths: channels of each stage.
        dim: how many numbers describe a face.
    """

    def __init__(self, blocks: Sequence[int] = IRESNET_100, widths: Sequence[int] = WIDTHS, dim: int = 512) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(widths[0]), nn.PReLU(widths[0])
        inputs = [widths[0], *widths[:-1]]
        stages = [_stage(*sizes) for sizes in zip(inputs, widths, blocks, strict=True)]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.fc = nn.Linear(widths[-1] * GRID_PX**2, dim)
        self.features = nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 112, 112) -> (B, dim)."""
        x = self.prelu(self.bn1(self.conv1(x)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))  # type: ignore[no-any-return]


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """The blocks of one stage; the first one halves the picture."""
    first = Block(inputs, outputs, 2, downsample=True)
    return nn.Sequential(first, *(Block(outputs, outputs, 1, downsample=False) for _ in range(blocks - 1)))
