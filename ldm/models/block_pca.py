"""A first stage whose encoder is exactly linear: the principal components of 8 x 8 blocks.

A convolutional encoder needs a long training before it keeps as much as the best linear code of the same size.
So the weights of diffusers' encoder are written down instead: residual branches are silent, strided convolutions move
pixels into channels, and the two non-linear layers at the end are undone (``silu(a) - silu(-a) = a``; group norm is
held by large constants).
Nothing about the architecture changes, so such an encoder loads, and trains further, like any other.
"""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ldm.modules.principal import principal_components

ANCHOR = 40.0
"""Constant beside the signals of a group, in units of their largest standard deviation: holds the group norm still."""


def blocks_of(images: Tensor, size: int = 8) -> Tensor:
    """(N, 3, H, W) -> (N * H/size * W/size, 3 * size * size), channel first in each block."""
    columns = nn.functional.unfold(images, size, stride=size)  # (N, 3 * size * size, blocks)
    return columns.transpose(1, 2).flatten(0, 1)


def block_components(images: Tensor, num_channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (192,), axes (num_channels, 192) and standard deviations (num_channels,) of 8 x 8 RGB blocks."""
    mean, axes, sigma, _ = principal_components(blocks_of(images), num_channels)
    return mean.float(), axes.float(), sigma.float()


@torch.no_grad()
def write_block_pca(vae: Any, images: Tensor, whitening: float = 0.5) -> None:
    """Make the encoder of a diffusers ``AutoencoderKL`` the block PCA of ``images`` (N, 3, H, W) in [-1, 1].

    Args:
        vae: three halvings, no attention in the middle, at least 48 channels in the second and the third level, more in
            the fourth.
        images: what the components are taken from.
        whitening: a component of standard deviation s becomes a channel of s ** (1 - whitening); 0 leaves the scale
            alone, 1 gives all channels unit variance.

    Raises:
        ValueError: the architecture has no room for this code.
    """
    encoder, channels = vae.encoder, int(vae.config.latent_channels)
    widths = list(vae.config.block_out_channels)
    groups, width = int(vae.config.norm_num_groups), widths[-1]
    per_group = width // groups
    pairs = -(-channels // groups)  # signals of a group, each as a and -a
    room = len(widths) == 4 and widths[0] >= 12 and widths[1] >= 48 and widths[2] >= max(48, 2 * channels)
    if not room or width == widths[2] or per_group < 2 * pairs + 2:  # of equal widths there is no last widening
        raise ValueError(f"an encoder of widths {widths} has no room for a linear code of {channels} channels")
    if any(attention is not None for attention in encoder.mid_block.attentions):
        raise ValueError("attention in the middle is not linear: set mid_block_add_attention to false in vae_config")
    mean, axes, sigma = block_components(images, channels)
    scale = sigma**-whitening / (sigma ** (1 - whitening)).square().mean().sqrt()

    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.zero_()
            if module.bias is not None:
                module.bias.zero_()
    _centre(encoder.conv_in, 3)
    for block, signals in zip(encoder.down_blocks, (3, 12, 48, 2 * channels), strict=True):
        for resnet in block.resnets:
            if resnet.conv_shortcut is not None:
                _centre(resnet.conv_shortcut, signals)
    for block, signals in zip(encoder.down_blocks[:2], (3, 12), strict=False):
        _space_to_depth(block.downsamplers[0].conv, signals)
    _project(encoder.down_blocks[2].downsamplers[0].conv, axes * scale[:, None], mean)

    # The last widening deals the signals out to the groups of the norm, each with its negative; the rest is constant.
    anchor = ANCHOR * float((sigma * scale).max())
    home = [(k // pairs) * per_group + 2 * (k % pairs) for k in range(channels)]
    last = encoder.down_blocks[3].resnets[0].conv_shortcut
    last.weight.zero_()
    constants = torch.ones(width, dtype=torch.bool)
    for k, place in enumerate(home):
        last.weight[place, 2 * k] = last.weight[place + 1, 2 * k + 1] = 1.0
        constants[place] = constants[place + 1] = False
    values = torch.tensor([anchor, -anchor]).repeat(width // 2)
    for group in range(groups):
        inside = torch.arange(group * per_group, (group + 1) * per_group)[constants[group * per_group :][:per_group]]
        last.bias[inside] = values[: len(inside)] if len(inside) % 2 == 0 else _balanced(len(inside), anchor)
    gain = _gains(last.bias, groups, float(encoder.conv_norm_out.eps))
    encoder.conv_norm_out.weight.fill_(1.0)
    encoder.conv_norm_out.bias.zero_()
    for k, place in enumerate(home):
        encoder.conv_norm_out.weight[place] = encoder.conv_norm_out.weight[place + 1] = gain[place]
        encoder.conv_out.weight[k, place, 1, 1], encoder.conv_out.weight[k, place + 1, 1, 1] = 1.0, -1.0
    encoder.conv_out.bias[channels:] = -30.0  # log variance: no noise
    if vae.quant_conv is not None:
        vae.quant_conv.weight.copy_(torch.eye(2 * channels)[:, :, None, None])
        vae.quant_conv.bias.zero_()


def _centre(conv: nn.Conv2d, signals: int) -> None:
    """Hand the first ``signals`` channels on."""
    middle = conv.kernel_size[0] // 2
    for channel in range(signals):
        conv.weight[channel, channel, middle, middle] = 1.0


def _space_to_depth(conv: nn.Conv2d, signals: int) -> None:
    """The four pixels of each 2 x 2 block as four channels; diffusers pads right and below only."""
    for tap, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        for channel in range(signals):
            conv.weight[tap * signals + channel, channel, row, column] = 1.0


def _project(conv: nn.Conv2d, axes: Tensor, mean: Tensor) -> None:
    """The last halving and the projection in one: channel 2k is component k, channel 2k + 1 its negative."""
    bias = conv.bias
    assert bias is not None  # diffusers' convolutions have one
    for k, axis in enumerate(axes):
        pixels = axis.reshape(3, 2, 2, 2, 2, 2, 2)  # colour, then row and column by halving: last, second, first
        for row in range(2):
            for column in range(2):
                # channel = tap of the second halving * 12 + tap of the first * 3 + colour
                part = pixels[:, row, :, :, column].permute(1, 3, 2, 4, 0).reshape(48)
                conv.weight[2 * k, :48, row, column] = part
                conv.weight[2 * k + 1, :48, row, column] = -part
        offset = float(axis @ mean)
        bias[2 * k], bias[2 * k + 1] = -offset, offset


def _balanced(count: int, anchor: float) -> Tensor:
    """An odd number of constants of either sign with mean zero."""
    values = torch.tensor([anchor, -anchor]).repeat(count // 2)
    return torch.cat([values, torch.zeros(1)])


def _gains(constants: Tensor, groups: int, eps: float) -> Tensor:
    """(C,) what the group norm divides by, given the constants of each group."""
    variance = constants.reshape(groups, -1).square().mean(1)
    return torch.sqrt(variance + eps).repeat_interleave(len(constants) // groups)


def as_images(pictures: NDArray[Any]) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
