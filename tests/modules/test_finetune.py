import pytest
from torch import nn

from ldm.modules.finetune import FullFinetune


def test_finetuning_trains_the_networks_that_are_named() -> None:
    unet, text = nn.Linear(2, 2), nn.Linear(3, 3)
    own, other = set(unet.parameters()), set(text.parameters())
    assert set(FullFinetune().trained(unet, text)) == own
    assert set(FullFinetune(True, True).trained(unet, text)) == own | other
    assert set(FullFinetune(False, True).trained(unet, text)) == other
    assert FullFinetune().state_dict() == {}


def test_finetuning_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="FullFinetune would train nothing: set train_unet or train_text_encoder"):
        FullFinetune(False, False)
