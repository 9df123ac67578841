"""The judge of attributes, trained once on CelebA's labels and kept.

``attribute_judge(celeba)`` finds the faces of CelebA, trains on the people of its training part, sets the thresholds on
those of its validation part, measures on those of its test part, and keeps the result under a hash of all this. The
first time takes some minutes of one core.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from evaluation import attributes
from evaluation.attributes import CROP_PX, EPOCHS, AttributeJudge, Crops
from evaluation.gender import GenderNet, gender_file
from evaluation.prompt_judges import read_attributes
from ldm.commands.bars import bar
from ldm.data.celeba import ATTRIBUTES
from ldm.data.sources import celeba
from ldm.faces.align import ffhq_crop
from ldm.faces.backend import load_backend
from ldm.faces.photos import read_photo
from ldm.files import atomic_path

logger = logging.getLogger(__name__)

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
JUDGED = ("Male", "Smiling", "Mouth_Slightly_Open", "Eyeglasses", *HAIR, "Wearing_Hat", "Young", "No_Beard")
CACHE = Path("outputs/judges")


def attribute_judge(folder: Path, cache: Path = CACHE, names: Sequence[str] = JUDGED) -> AttributeJudge:
    """The judge trained on the CelebA in ``folder``, from ``cache`` where it was made already."""
    return read_attributes(attribute_file(folder, cache, names))


def attribute_file(folder: Path, cache: Path = CACHE, names: Sequence[str] = JUDGED) -> Path:
    """Where the judge trained on the CelebA in ``folder`` is kept; it is trained where it is not there yet.

    Raises:
        FileNotFoundError: CelebA's table or a picture is missing.
        ValueError: the table does not have one of ``names``, or a part of the people has none, or only such, with it.
    """
    sources = celeba(folder)
    if unknown := [name for name in names if name not in ATTRIBUTES]:
        raise ValueError(f"CelebA has no attribute {', '.join(unknown)}; it has {', '.join(ATTRIBUTES)}")
    said = json.dumps(
        [[s.row["file"], s.row["split"], *s.row["attributes"]] for s in sources] + [list(names), attributes.VERSION]
    )
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    path = cache / f"attributes-{digest}.safetensors"
    if not path.is_file():
        logger.info("training the judge of attributes, some minutes once: %s", path)
        _train(folder, names, path)
    return path


def _train(folder: Path, names: Sequence[str], path: Path) -> None:
    crops, labels, splits, men = read_faces(folder, names)
    parts = {split: splits == split for split in ("train", "val", "test")}
    for split, part in parts.items():
        for number, name in enumerate(names):
            if not 0 < labels[part, number].sum() < part.sum():
                raise ValueError(f"{folder}: {name} is true of all pictures of the part {split!r} or of none")
    with bar("train", EPOCHS * int(parts["train"].sum())) as advance:
        net = attributes.train_net(crops[parts["train"]], labels[parts["train"]], advance=advance)
    logits = attributes.logits_of(net, crops)
    thresholds, accuracy = {}, {}
    for number, name in enumerate(names):
        thresholds[name] = attributes.best_threshold(labels[parts["val"], number], logits[parts["val"], number])
        said = logits[parts["test"], number] > thresholds[name]
        accuracy[name] = round(attributes.balanced_accuracy(labels[parts["test"], number], said), 4)
    gender = {}
    if men is not None and "Male" in names:
        true = labels[parts["test"], names.index("Male")]
        gender = {"Male": round(attributes.balanced_accuracy(true, men[parts["test"]] > 0.5), 4)}
    about = {"names": names, "thresholds": thresholds, "accuracy": accuracy, "gender": gender}
    with atomic_path(path) as temporary:
        save_file(net.state_dict(), temporary, {key: json.dumps(value) for key, value in about.items()})


def read_faces(
    folder: Path, names: Sequence[str]
) -> tuple[Crops, NDArray[np.bool_], NDArray[np.str_], NDArray[np.float64] | None]:
    """Crops (N, S, S, 3), labels (N, A), splits (N,) and, by the other network, how likely each is a man."""
    detector, file = load_backend("yunet-sface").detector, gender_file()
    net, sources = None if file is None else GenderNet(file), celeba(folder)
    crops, labels, splits, men = [], [], [], []
    with bar("find faces", len(sources)) as advance:
        for source in sources:
            advance(1)
            seen = attributes.largest_face(detector, read_photo(source.path))
            if seen is None:
                continue
            picture, face = seen
            crops.append(np.asarray(ffhq_crop(picture, face.points, CROP_PX), np.uint8))
            labels.append([name in source.row["attributes"] for name in names])
            splits.append(source.row["split"])
            if net is not None:
                men.append(float(net([picture], [face])[0]))
    if not crops:
        raise ValueError(f"{folder}: no face is found in any picture")
    return np.stack(crops), np.array(labels), np.array(splits), np.array(men) if net is not None else None
