"""The arms: ways to learn a person. What is not named here is the same in all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONFIGS = Path("configs/stable-diffusion")
SLOT = "model.params.personalization_config.params"
DATA = "data.params.train.params"
RANKS, LORA_RATES, FULL_RATES = (2, 8, 32), (1e-3, 4e-3), (1e-4, 4e-4)
LOOKS = (75, 150, 300)


@dataclass(frozen=True)
class Arm:
    """One way of learning.

    Attributes:
        key: its name in files and tables.
        config: the YAML that it starts from; None learns nothing.
        overrides: key=value laid over it.
        word: what the person is called in a prompt.
        rate: the learning rate of a step; None is what the config says.
        looks: after how many steps it is looked at; the last one ends the run.
        rank: of a LoRA; 0 where there is none.
    """

    key: str
    config: Path | None
    overrides: Sequence[str] = ()
    word: str = "sks person"
    rate: float | None = None
    looks: Sequence[int] = LOOKS
    rank: int = 0


@dataclass(frozen=True)
class Design:
    """Which levels the factors of the study of ranks have.

    Attributes:
        ranks: of the LoRA.
        rates: learning rates of the LoRA.
        full_rates: learning rates of the full fine-tune.
        looks: numbers of steps.
    """

    ranks: Sequence[int] = RANKS
    rates: Sequence[float] = LORA_RATES
    full_rates: Sequence[float] = FULL_RATES
    looks: Sequence[int] = LOOKS
    same: Sequence[str] = field(
        default=("data.params.batch_size=4", "model.params.optimizer_config.params.decay_fraction=0.0")
    )


BASE = Arm("base", None, looks=(0,))


def factorial(design: Design) -> list[Arm]:
    """Base, full fine-tune by learning rate, and LoRA by rank x learning rate; steps are looks into one run each.

    The learning rate is constant behind its warm-up, so that the look at step n is a run of n steps. Pictures, order,
    noise and timesteps are the same in all arms. Alpha is the rank: the scale of the change does not depend on it.
    """
    same, looks = [*design.same, f"{DATA}.class_config=null"], tuple(design.looks)
    full = [
        Arm(f"full lr {rate:g}", CONFIGS / "dreambooth.yaml", same, rate=rate, looks=looks)
        for rate in design.full_rates
    ]
    lora = [
        Arm(
            f"LoRA r{rank} lr {rate:g}",
            CONFIGS / "lora.yaml",
            [*same, f"{SLOT}.rank={rank}", f"{SLOT}.alpha={float(rank)}"],
            rate=rate,
            looks=looks,
            rank=rank,
        )
        for rank in design.ranks
        for rate in design.rates
    ]
    return [BASE, *full, *lora]


def methods() -> list[Arm]:
    """Every method by its own config, and DreamBooth without its class pictures."""
    plain = CONFIGS / "dreambooth.yaml"
    return [
        BASE,
        Arm("DreamBooth", plain, looks=(400,)),
        Arm("DreamBooth without class pictures", plain, [f"{DATA}.class_config=null"], looks=(400,)),
        Arm("DreamBooth, text encoder too", plain, [f"{SLOT}.train_text_encoder=true"], looks=(400,)),
        Arm("LoRA", CONFIGS / "lora.yaml", looks=(400,), rank=8),
        Arm("textual inversion", CONFIGS / "textual_inversion.yaml", word="sks", looks=(400,)),
        Arm("pivotal", CONFIGS / "pivotal.yaml", word="sks", looks=(400,), rank=8),
        Arm("celeb basis", CONFIGS / "celeb_basis.yaml", word="sks", looks=(100,)),
        Arm("celeb basis + LoRA", CONFIGS / "celeb_basis_lora.yaml", word="sks", looks=(100, 500), rank=4),
    ]
