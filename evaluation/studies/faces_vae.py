"""How well a first stage gives back pictures of people it has never seen.

``python -m ldm evaluate vae --vae DIR --pictures STORE`` measures, and with ``--document`` writes the section of
docs/measurements.md.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evaluation.identity import Judge
from evaluation.judges import load_judge, strangers_percentile
from evaluation.reconstruction import MS_SSIM_ABOVE_PX, Reconstruction, reconstruct
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.real_pictures import RealPictures, read_real
from ldm.commands.bars import bar
from ldm.data.pictures import to_signed
from ldm.files import write_json

NAMES = {"mse": "MSE on [-1, 1]", "psnr": "PSNR, dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "perceptual": "ST-LPIPS"}
GATES = {"identity": 0.80, "mse": 0.0038, "ms_ssim": 0.952}
"""Identity at the model's own size; the others at 128 px or above."""


def load_vae(folder: Path) -> Any:
    """The first stage in ``folder``, or in the model folder ``folder``; on the fastest device there is.

    Raises:
        FileNotFoundError: there is none.
    """
    from diffusers import AutoencoderKL

    place = next((one for one in (folder, folder / "vae") if (one / "config.json").is_file()), None)
    if place is None:
        raise FileNotFoundError(f"{folder} holds no first stage: give vae_gs-<step> of a run, or a model's folder")
    vae = AutoencoderKL.from_pretrained(place, local_files_only=True).eval()
    return vae.to(torch.accelerator.current_accelerator(check_available=True) or "cpu")


def perceptual_distance(net: str | None, device: torch.device) -> Any:
    """ST-LPIPS by ``alex`` or ``vgg``; None without a name."""
    if net is None:
        return None
    from ldm.modules.perceptual import PerceptualDistance

    return PerceptualDistance("vgg" if net == "vgg" else "alex").to(device)


def measure_vae(
    vae: Any, real: RealPictures, size_px: int, judges: Sequence[str], perceptual: str | None, batch_size: int
) -> dict[str, Reconstruction]:
    """The measures by judge; the first has them all, the others tell of identity."""
    distance = perceptual_distance(perceptual, vae.device)
    found = {}
    for name in judges or [""]:
        judge = load_judge(name) if name else None

        def batches() -> Iterator[Tensor]:
            for start in range(0, len(real), batch_size):
                places = range(start, min(start + batch_size, len(real)))
                yield torch.stack([to_signed(np.asarray(real.open(i, size_px))) for i in places])

        with bar("reconstruct", len(real)) as advance:
            lost = None if judge is None else lost_face(judge, size_px)
            found[judge.name if judge else "no judge"] = reconstruct(vae, batches(), distance, judge, lost, advance)
    return found


def lost_face(judge: Judge, size_px: int) -> float | None:
    """What a face counts as that the reconstruction has lost; None where it was not measured for this judge."""
    try:
        return strangers_percentile(judge, size_px)
    except LookupError:
        return None


def run(
    folder: Path,
    pictures: Path,
    splits: Sequence[str],
    count: int | None,
    size_px: int | None,
    judges: Sequence[str],
    perceptual: str | None,
    batch_size: int,
    out: Path | None,
    document: bool,
) -> dict[str, Any]:
    """Measure, print, and write what was asked for.

    Args:
        folder: the first stage.
        pictures: a store, or any folder.
        splits: of the store.
        count: at most so many pictures, evenly chosen.
        size_px: at which size; the first stage's own if None.
        judges: whose cosines say whether identity is kept.
        perceptual: ``alex``, ``vgg`` or None.
        batch_size: pictures at a time.
        out: a JSON file.
        document: write the section of docs/measurements.md too.
    """
    vae, real = load_vae(folder), read_real(pictures, splits)
    size = size_px or int(vae.config.sample_size)
    if count is not None and count < len(real):
        real = real.chosen(np.linspace(0, len(real) - 1, count).astype(int).tolist())
    found = measure_vae(vae, real, size, judges, perceptual, batch_size)
    first = next(iter(found.values()))
    means = first.means()
    enlarged = sorted(side for side in real.sizes if side < size)
    facts = {
        "vae": folder.as_posix(),
        "pictures": real.name,
        "count": len(real),
        "people": len(real.people()),
        "size_px": size,
        "enlarged_from_px": enlarged,
        "means": {name: value for name, value in means.items() if name != "identity"},
        "identity": {name: part.means().get("identity") for name, part in found.items() if name != "no judge"},
        "faceless": {name: part.faceless for name, part in found.items() if name != "no judge"},
        "faces_lost": {name: part.lost for name, part in found.items() if name != "no judge"},
        "lost_counts_as": {name: part.undetected for name, part in found.items() if name != "no judge"},
    }
    text = describe(facts)
    print(text)
    if out is not None:
        write_json(out, facts)
    if document:
        title = f"The first stage at {size} px"
        command = "`python -m ldm evaluate vae --vae DIR --pictures STORE --document`"
        replace_section(title, f"{command}, {folder.as_posix()}.\n{text}")
    return facts


def describe(facts: dict[str, Any]) -> str:
    """The measures as text and table."""
    sides = ", ".join(map(str, facts["enlarged_from_px"]))
    made = f", enlarged from {sides} px" if facts["enlarged_from_px"] else ""
    rows = [
        [NAMES[name], f"{value:.4f}", _gate(name, value, facts["size_px"])] for name, value in facts["means"].items()
    ]
    for name, value in facts["identity"].items():
        faceless, lost, worth = (facts[key][name] for key in ("faceless", "faces_lost", "lost_counts_as"))
        counted = "left out: no constants of this judge" if worth is None else f"each counted as {worth:.3f}"
        said = f"identity kept, `{name}` (pictures without a face: {faceless}; faces lost: {lost}, {counted})"
        rows.append([said, f"{value:.3f}", _gate("identity", value, facts["size_px"])])
    small = "" if facts["size_px"] > MS_SSIM_ABOVE_PX else f" MS-SSIM needs {MS_SSIM_ABOVE_PX + 1} px."
    return (
        f"{facts['count']:,} pictures of {facts['people']:,} people, {facts['pictures']}, at {facts['size_px']} px"
        f"{made}. Pixels in [-1, 1]; SSIM with a window of 11 px and a data range of 2.{small}\n\n"
        f"{markdown_table(['measure', 'mean', 'gate'], rows)}"
    )


def _gate(name: str, value: float, size_px: int) -> str:
    if name not in GATES or (name != "identity" and size_px < 128):
        return "none"
    good = value <= GATES[name] if name == "mse" else value >= GATES[name]
    return f"{'≤' if name == 'mse' else '≥'} {GATES[name]:g}: {'met' if good else 'not met'}"
