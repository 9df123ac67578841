"""Read a photo, whatever it is, as upright RGB of 8 bits."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

UNREADABLE_SUFFIXES = frozenset({".heic", ".heif"})
"""Pictures of telephones that Pillow does not read: listed, so that their owner is told."""

IMAGE_SUFFIXES = UNREADABLE_SUFFIXES | {
    *(".jpg", ".jpeg", ".jfif", ".jp2", ".png", ".webp", ".avif", ".gif"),
    *(".bmp", ".tif", ".tiff", ".tga", ".ppm", ".pgm"),
}
"""Endings taken for pictures when a folder is listed; a file named by itself may have any."""

EXIF = ("exif", "Raw profile type exif")
"""Where Pillow keeps the EXIF of a picture that it opened."""

PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""A TIFF's tag and value for grey that is stored as its negative; Pillow turns it round at 8 bits, not at 16."""


class PhotoError(ValueError):
    """A file that cannot be read as a photo; the message says why."""


def list_photos(folder: Path, leave_out: Path | None = None) -> list[Path]:
    """Pictures in ``folder`` and its sub-folders, sorted by path, without hidden files and those in ``leave_out``.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is a file.
        PhotoError: it holds no pictures.
    """
    if not folder.exists():
        raise FileNotFoundError(f"folder not found: {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: give the folder that holds the photos")
    other = leave_out.resolve() if leave_out and folder.resolve() in leave_out.resolve().parents else None
    photos = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (other is None or not path.resolve().is_relative_to(other))
    ]
    if not photos:
        raise PhotoError(f"no photos in {folder}: pictures end in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return photos


def read_photo(path: Path, behind: str = "white") -> Image.Image:
    """The photo at ``path`` as it is meant to be seen: turned by its EXIF tag, first frame, RGB of 8 bits.

    Transparency is laid on the colour ``behind``; grey, palette, CMYK, 16-bit and float pictures are converted.

    Raises:
        PhotoError: missing, empty, truncated, or not a picture.
    """
    if not path.is_file():
        raise PhotoError(f"photo not found: {path}" if not path.is_dir() else f"{path} is a folder, not a photo")
    if path.stat().st_size == 0:
        raise PhotoError(f"{path} is empty (0 bytes): was the copy or download cut off?")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks about odd EXIF and big files
            with Image.open(path) as opened:
                opened.load()
                upright = _upright(opened)
                if opened.mode.startswith("I;16") and getattr(opened, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
                    upright = Image.fromarray(65535 - np.asarray(upright, np.uint16))
                return to_rgb(upright, behind)
    except UnidentifiedImageError as error:
        if path.suffix.lower() in UNREADABLE_SUFFIXES:
            raise PhotoError(f"{path} is in Apple's HEIC format: save it as JPEG first") from error
        raise PhotoError(f"{path} is not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{path} is too large: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error) as error:
        raise PhotoError(f"{path} is damaged or cut off: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    """``image`` turned by its EXIF tag, whatever else is wrong with its EXIF."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow writes the other entries anew, and raises whatever a broken one makes of it
        bare = image.copy()
        bare.info = {key: value for key, value in image.info.items() if key not in EXIF}
        bare.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
        return ImageOps.exif_transpose(bare)


def to_rgb(image: Image.Image, behind: str = "white") -> Image.Image:
    """``image`` in mode RGB: transparency on the colour ``behind``, 16 bits scaled not clipped, colours as sRGB."""
    if image.mode in {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}:
        image = _eight_bits(image)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", rgba.size, behind), rgba).convert("RGB")
    else:
        flat = image if image.mode == "CMYK" else image.convert("RGB")
    return _srgb(flat, image.info.get("icc_profile")).convert("RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """``image`` (RGB or CMYK) with the colours that its ICC profile means; a broken or unfitting profile is ignored."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or float as 8-bit grey; the scale is that of the smallest usual range that holds it."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    top = np.max(values, initial=0.0)
    white = next((limit for limit in (1.0 if image.mode == "F" else 255.0, 255.0, 65535.0) if top <= limit), top)
    if image.mode.startswith("I;16"):
        white = 65535.0
    return Image.fromarray(np.clip(values / white * 255 + 0.5, 0, 255).astype(np.uint8))
