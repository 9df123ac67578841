"""Files of weights from the network, when a user asks for them: checked by SHA-256, gone on with where they stopped."""

import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ldm.files import atomic_path
from ldm.weights.modelspec import CHUNK, file_hash

HUB = "https://huggingface.co"
RELEASES = "https://github.com/deepinsight/insightface/releases/download/v0.7"
TIMEOUT_S = 60


@dataclass(frozen=True)
class Remote:
    """A file on the network.

    Attributes:
        url: its address.
        size: in bytes.
        sha256: of the file.
        licence: its name, and where it stands.
        place: where it goes; of a zip, the folder for ``members``.
        members: files of a zip that are wanted.
        login: where to accept the licence first, for a file that asks for it.
    """

    url: str
    size: int
    sha256: str
    licence: str
    place: Path
    members: tuple[str, ...] = ()
    login: str = ""


OPENRAIL = "CreativeML OpenRAIL-M (https://huggingface.co/spaces/CompVis/stable-diffusion-license)"
RESEARCH = "for non-commercial research only (https://github.com/deepinsight/insightface#license)"
PACKS = Path("weights/insightface/models")

SOURCES: dict[str, tuple[Remote, ...]] = {
    "sd-v1-4": (
        Remote(
            f"{HUB}/CompVis/stable-diffusion-v-1-4-original/resolve/main/sd-v1-4.ckpt",
            4_265_380_512,
            "fe4efff1e174c627256e44ec2991ba279b3816e364b49f9be2abc0b3ff3f8556",
            OPENRAIL,
            Path("weights/sd-v1-4.ckpt"),
            login=f"{HUB}/CompVis/stable-diffusion-v-1-4-original",
        ),
    ),
    "sd-v1-5": (
        Remote(
            f"{HUB}/stable-diffusion-v1-5/stable-diffusion-v1-5/resolve/main/v1-5-pruned-emaonly.safetensors",
            4_265_146_304,
            "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa",
            OPENRAIL,
            Path("weights/sd-v1-5.safetensors"),
        ),
    ),
    "face-nets": (
        Remote(
            f"{RELEASES}/antelopev2.zip",
            360_662_982,
            "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
            RESEARCH,
            PACKS / "antelopev2",
            members=("scrfd_10g_bnkps.onnx", "glintr100.onnx"),
        ),
        Remote(
            f"{RELEASES}/buffalo_l.zip",
            288_621_354,
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
            RESEARCH,
            PACKS / "buffalo_l",
            members=("det_10g.onnx", "w600k_r50.onnx"),
        ),
    ),
}
"""What can be fetched. Sizes and hashes as public programs record them; a download that has others is refused."""


def is_there(remote: Remote, root: Path) -> bool:
    """Whether the file, or all that is wanted of it, lies in its place."""
    place = root / remote.place
    if remote.members:
        return all((place / name).is_file() for name in remote.members)
    return place.is_file() and place.stat().st_size == remote.size


def fetch(remote: Remote, root: Path, advance: Callable[[int], object] = lambda _done: None) -> list[Path]:
    """Download into ``root``, going on where an earlier attempt stopped; the files that are there now.

    Args:
        remote: what.
        root: the folder that places are relative to.
        advance: called with the number of bytes that came in.

    Raises:
        OSError: the network or the disk does not do it; what came in so far stays for the next attempt.
        ValueError: the file is not the one that was meant; it is removed.
    """
    place = root / remote.place
    part = place.with_name(place.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    free, wanted = shutil.disk_usage(part.parent).free, remote.size * (2 if remote.members else 1)
    have = part.stat().st_size if part.is_file() else 0
    if free < wanted - have:
        raise OSError(f"{remote.url} needs {wanted - have:,} bytes in {part.parent}, of which {free:,} are free")
    advance(have)
    if have != remote.size:
        _download(remote, part, have, advance)
    _check(remote, part)
    if not remote.members:
        part.replace(place)
        return [place]
    files = _unpack(part, place, remote.members)
    part.unlink()
    return files


def _download(remote: Remote, part: Path, have: int, advance: Callable[[int], object]) -> None:
    request = Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    if (token := os.environ.get("HF_TOKEN")) and remote.url.startswith(HUB):
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            goes_on = answer.status == HTTPStatus.PARTIAL_CONTENT
            if have and not goes_on:
                advance(-have)
            with part.open("ab" if goes_on else "wb") as file:
                while block := answer.read(CHUNK):
                    file.write(block)
                    advance(len(block))
    except HTTPError as error:
        login = f": accept its licence at {remote.login} and set HF_TOKEN" if error.code in (401, 403) else ""
        raise OSError(f"{remote.url} answers {error.code} {error.reason}{login}") from error
    except (URLError, TimeoutError, ConnectionError) as error:
        raise OSError(
            f"{remote.url} cannot be reached ({getattr(error, 'reason', error)}): try again, it goes on"
        ) from error


def _check(remote: Remote, part: Path) -> None:
    size = part.stat().st_size
    if size < remote.size:
        raise OSError(f"{remote.url} stopped after {size:,} of {remote.size:,} bytes: try again, it goes on")
    if size > remote.size or (found := file_hash(part)) != remote.sha256:
        told = f"{size:,} bytes" if size > remote.size else f"SHA-256 {found}"
        part.unlink()
        raise ValueError(
            f"{remote.url} is not the file that was meant: {told} instead of {remote.size:,} bytes, {remote.sha256}. "
            "It was removed"
        )


def _unpack(archive: Path, folder: Path, members: tuple[str, ...]) -> list[Path]:
    """The wanted files of a zip, wherever in it they lie."""
    with zipfile.ZipFile(archive) as zipped:
        inside = {Path(name).name: name for name in zipped.namelist()}
        for name in members:
            with (
                atomic_path(folder / name) as temporary,
                zipped.open(inside[name]) as source,
                temporary.open("wb") as file,
            ):
                shutil.copyfileobj(source, file, CHUNK)
    return [folder / name for name in members]
