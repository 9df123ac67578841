import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from ldm.faces.photos import PhotoError, list_photos, read_photo, to_rgb

ORIENTATIONS = {  # EXIF value -> how an upright picture is stored
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture
def small(astronaut) -> Image.Image:
    return astronaut.resize((60, 40))


def mean(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, float).mean((0, 1))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_exif_orientation_is_turned_upright(tmp_path, small, orientation):
    stored = small if ORIENTATIONS[orientation] is None else small.transpose(ORIENTATIONS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "a.png")), np.asarray(small))


def test_a_turned_photo_gives_the_same_crop(tmp_path, astronaut):
    from ldm.faces.align import ffhq_crop
    from ldm.faces.backend import load_backend

    backend = load_backend("yunet-sface")
    exif = Image.Exif()
    exif[0x0112] = 6
    astronaut.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    turned = read_photo(tmp_path / "turned.png")
    crops = [np.asarray(ffhq_crop(photo, backend.faces(photo)[0].points)) for photo in (astronaut, turned)]
    np.testing.assert_array_equal(*crops)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(tmp_path, mode):
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
    picture.save(tmp_path / "a.png")
    assert (np.asarray(read_photo(tmp_path / "a.png")) == 255).all()


def test_half_transparency_is_mixed_with_white(tmp_path):
    Image.new("RGBA", (4, 4), (200, 0, 0, 128)).save(tmp_path / "a.png")
    np.testing.assert_allclose(np.asarray(read_photo(tmp_path / "a.png"))[0, 0], [227, 127, 127], atol=2)


def test_a_transparent_palette_is_laid_on_white(tmp_path):
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((1, 1), 1)
    picture.save(tmp_path / "a.gif", transparency=0)
    pixels = np.asarray(read_photo(tmp_path / "a.gif"))
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[1, 1]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "a.jpg"), ("1", "a.png"), ("P", "a.png"), ("CMYK", "a.jpg"), ("YCbCr", "a.jpg")]
)
def test_other_modes_become_rgb(tmp_path, small, mode, name):
    small.convert(mode).save(tmp_path / name)
    read = read_photo(tmp_path / name)
    assert read.mode == "RGB"
    assert read.size == small.size
    np.testing.assert_allclose(mean(read).mean(), mean(small).mean(), atol=12)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(4, 0)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(np.asarray(read_photo(tmp_path / f"a.{suffix}"))[0, :, 0], np.arange(256), atol=1)


def test_a_negative_of_sixteen_bits_is_turned_round(tmp_path):
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(4, 0)
    Image.fromarray(ramp).save(tmp_path / "a.tiff", tiffinfo={262: 0, 274: 2})  # white is zero; stored mirrored
    np.testing.assert_allclose(np.asarray(read_photo(tmp_path / "a.tiff"))[0, :, 0], np.arange(256), atol=1)


def test_float_and_32_bit_pictures_are_scaled():
    unit = to_rgb(Image.fromarray(np.float32([[0, 0.5, 1]])))
    assert np.asarray(unit)[0, :, 1].tolist() == [0, 128, 255]
    wide = to_rgb(Image.fromarray(np.float32([[0, np.nan, 510]])))
    assert np.asarray(wide)[0, :, 1].tolist() == [0, 0, 2]  # within 16 bits: their scale
    assert np.asarray(to_rgb(Image.fromarray(np.int32([[0, 100, 255]]))))[0, :, 0].tolist() == [0, 100, 255]


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for name in ("a.gif", "a.webp", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(np.asarray(read_photo(tmp_path / name))[2, 2], [255, 0, 0], atol=3)


def test_colours_of_another_profile_are_brought_to_srgb(tmp_path, small):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    small.save(tmp_path / "swapped.png", icc_profile=swapped)
    expected = np.asarray(small, int)[..., [1, 0, 2]]  # its red means green
    np.testing.assert_allclose(np.asarray(read_photo(tmp_path / "swapped.png"), int), expected, atol=3)


def test_srgb_and_broken_profiles_change_nothing(tmp_path, small):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    small.save(tmp_path / "srgb.png", icc_profile=srgb.tobytes())
    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "srgb.png")), np.asarray(small))
    small.save(tmp_path / "broken.png", icc_profile=b"no profile")
    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "broken.png")), np.asarray(small))


def test_a_missing_photo_is_named(tmp_path):
    with pytest.raises(PhotoError, match=r"photo not found: .*a\.jpg"):
        read_photo(tmp_path / "a.jpg")
    with pytest.raises(PhotoError, match="is a folder, not a photo"):
        read_photo(tmp_path)


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(PhotoError, match=r"a\.jpg is empty \(0 bytes\)"):
        read_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.gif", "a.tiff"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_photo_is_named(tmp_path, astronaut, name, kept):
    buffer = io.BytesIO()
    astronaut.save(buffer, {"jpg": "JPEG"}.get(name[2:], name[2:]))
    (tmp_path / name).write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * kept)])
    with pytest.raises(PhotoError, match=rf"{name} is (damaged or cut off|not a picture)"):
        read_photo(tmp_path / name)


def test_something_else_is_not_a_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(PhotoError, match=r"a\.jpg is not a picture that can be read"):
        read_photo(tmp_path / "a.jpg")


def test_heic_says_what_to_do(tmp_path):
    (tmp_path / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(PhotoError, match="HEIC format: save it as JPEG first"):
        read_photo(tmp_path / "a.HEIC")
    assert list_photos(tmp_path)


def test_a_bomb_is_too_large(tmp_path, small, monkeypatch):
    small.save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PhotoError, match=r"a\.png is too large"):
        read_photo(tmp_path / "a.png")


def test_photos_are_listed_sorted_with_sub_folders(tmp_path):
    for name in ("b é.JPG", "a.png", "notes.txt", ".hidden.jpg", "sub/c.webp", ".cache/d.jpg", "out/e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in list_photos(tmp_path, tmp_path / "out")] == [
        "a.png",
        "b é.JPG",
        "sub/c.webp",
    ]


def test_missing_empty_and_wrong_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder not found: .*nowhere"):
        list_photos(tmp_path / "nowhere")
    with pytest.raises(PhotoError, match=r"no photos in .*: pictures end in \.avif"):
        list_photos(tmp_path)
    (tmp_path / "file.jpg").touch()
    with pytest.raises(NotADirectoryError, match="is a file: give the folder that holds the photos"):
        list_photos(tmp_path / "file.jpg")


def test_a_photo_with_a_broken_exif_is_turned_all_the_same(tmp_path, small):
    """Pillow writes the other entries anew when it takes out the orientation, and cannot write a width of letters."""
    exif = Image.Exif()
    exif[0x0112], exif[0xEA00] = 6, "wide"
    broken = exif.tobytes().replace(b"\xea\x00\x00\x02", b"\x01\x00\x00\x02")
    small.transpose(ORIENTATIONS[6]).save(tmp_path / "a.png", exif=broken)
    with pytest.raises(struct.error):
        ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "a.png")), np.asarray(small))


def test_an_avif_whose_pixels_are_gone_is_named(tmp_path, small):
    small.save(tmp_path / "a.avif")
    content = (tmp_path / "a.avif").read_bytes()
    pixels = content.index(b"mdat") + 4
    (tmp_path / "a.avif").write_bytes(content[:pixels] + bytes(len(content) - pixels))
    with pytest.raises(PhotoError, match=r"a\.avif is damaged or cut off"):
        read_photo(tmp_path / "a.avif")
