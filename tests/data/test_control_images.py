"""Control pictures: edges where the photo has them, points where the face has them."""

import numpy as np
from PIL import Image

from ldm.data.control_images import as_control, canny, draw_points, middle, points_in_middle


def test_edges_of_a_square() -> None:
    photo = Image.new("RGB", (64, 64), "black")
    photo.paste("white", (16, 16, 48, 48))
    edges = np.asarray(canny(photo)).max(-1) > 0
    rows, columns = np.nonzero(edges)
    from_an_edge = [
        min(abs(at - line) for at in place for line in (15.5, 47.5)) for place in zip(rows, columns, strict=True)
    ]
    assert max(from_an_edge) < 1
    assert 100 < edges.sum() < 260, "its outline of 128 px, on one side or both, and nothing else"
    assert not (np.asarray(canny(Image.new("RGB", (64, 64), "grey"))) > 0).any()


def test_points_are_where_they_are_and_left_is_left() -> None:
    points = [(20, 20), (44, 20), (32, 32), (24, 44), (40, 44)]
    picture = np.asarray(draw_points(points, (64, 64))).astype(int)
    red, blue = picture[20, 20], picture[20, 44]
    assert red[0] > 200 > red[2]
    assert blue[2] > 200 > blue[0]
    assert picture[32, 32].min() > 240
    assert (picture[:10] == 0).all()


def test_points_move_with_the_middle_of_a_photo() -> None:
    photo = Image.new("RGB", (200, 100))
    photo.putpixel((120, 30), (255, 255, 255))
    large = photo.resize((800, 400), Image.Resampling.NEAREST)
    [(x, y)] = points_in_middle([(4 * 120.5, 4 * 30.5)], large.size, (100, 100))
    found = np.asarray(middle(large, (100, 100)).convert("L"))
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    assert abs(column + 0.5 - x) < 1
    assert abs(row + 0.5 - y) < 1


def test_as_the_network_wants_it() -> None:
    control = as_control(Image.new("RGB", (8, 4), "white"))
    assert tuple(control.shape) == (3, 4, 8)
    assert (control == 1).all()
