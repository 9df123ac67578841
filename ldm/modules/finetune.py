"""Train the networks themselves."""

from collections.abc import Iterable
from itertools import chain

from torch import nn

from ldm.modules.personalization import Personalization


class FullFinetune(Personalization):
    """Every weight of the UNet, and of the text encoder where asked: DreamBooth, or a model from nothing.

    Args:
        train_unet: change the UNet.
        train_text_encoder: change the text encoder.
    """

    def __init__(self, train_unet: bool = True, train_text_encoder: bool = False) -> None:
        super().__init__()
        if not (train_unet or train_text_encoder):
            raise ValueError("FullFinetune would train nothing: set train_unet or train_text_encoder to true")
        self.train_unet, self.train_text_encoder = train_unet, train_text_encoder

    def trained(self, unet: nn.Module, text_encoder: nn.Module) -> Iterable[nn.Parameter]:
        """All parameters of the chosen networks."""
        return chain(
            unet.parameters() if self.train_unet else (),
            text_encoder.parameters() if self.train_text_encoder else (),
        )
