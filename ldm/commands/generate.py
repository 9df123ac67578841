"""Draw pictures of the people that a run has learned."""

from pathlib import Path
from typing import Annotated

import typer

from ldm.commands.generate_options import ActionUnits, AddOns, Between, Control, FromPicture, How, What, Who
from ldm.commands.option_groups import grouped


@grouped
def generate(
    who: Who,
    what: What,
    how: How,
    picture: FromPicture,
    between: Between,
    add_ons: AddOns,
    control: Control,
    units: ActionUnits,
    out: Annotated[Path | None, typer.Option(help="Output folder, added to; default: outputs/RUN.")] = None,
) -> None:
    """Draw pictures: samples, one grid a prompt, and settings.json.

    Examples:

      python -m ldm generate --run logs/RUN --prompt "a photo of sks and ks" --n 16

      python -m ldm generate --run RUN --prompts PROMPTS.txt --step 199,last --people 0,1 --people 1,0

      python -m ldm generate --run RUN --prompt "a photo of sks" --photo SOMEBODY.jpg

      python -m ldm generate --sd weights/embedded --prompt "a smiling woman" --init-image ME.jpg --mask MOUTH.png

      python -m ldm generate --weights logs/RUN --prompt "a photo of sks" -v 4

      python -m ldm generate --run RUN --prompt "a photo of sks" --people 0 --people 1 --interpolate people

      python -m ldm generate --run RUN --prompt "a photo of sks" --lora STYLE.safetensors:0.7 --embedding HAT.pt

      python -m ldm generate --run RUN --prompt "a photo of sks" --controlnet DIR --control canny --control-image ME.jpg

      python -m ldm generate --run RUN --prompt "a photo of sks" --au "12=3,6=2"
    """
    from ldm.commands.drawing import Order, draw

    drawn = draw(Order(who, what, how, picture, between, add_ons, control, units, out))
    number = len(drawn.samples)
    print(f"{number} picture{'' if number == 1 else 's'} in {drawn.folder}")
    if drawn.failed:
        typer.secho(f"left out, since they could not be read: {', '.join(drawn.failed)}", fg="red", err=True)
        raise typer.Exit(1)
