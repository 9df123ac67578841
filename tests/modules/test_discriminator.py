"""The patch discriminator: its patches, its loss, and who learns from whom."""

import torch

from ldm.modules.discriminator import PatchDiscriminator, hinge


def test_a_logit_sees_seventy_pixels():
    torch.manual_seed(0)
    net, image = PatchDiscriminator(8).eval(), torch.zeros(1, 3, 256, 256, requires_grad=True)
    logits = net(image)
    assert logits.shape == (1, 1, 30, 30)
    for layer in net.modules():  # without normalization, which sees everything
        if isinstance(layer, torch.nn.GroupNorm):
            layer.forward = lambda x: x
    net(image)[0, 0, 15, 15].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == 70


def test_hinge_is_the_closed_form():
    assert hinge(torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 1.0])) == (0.5 + 1.0) / 2


def test_fixed_it_hands_gradients_on_and_takes_none():
    net, image = PatchDiscriminator(8), torch.randn(1, 3, 64, 64, requires_grad=True)
    with net.fixed():
        net(image).mean().backward()
    assert image.grad.abs().sum() > 0
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
