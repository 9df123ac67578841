import csv
import io
import json
import shutil

import pytest
from PIL import Image

from evaluation.report import Gallery, Plot, Report, Shown, Table, as_json, file_name, shown, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def made(folder):
    paths = []
    for number in range(8):
        paths.append(folder / f"{number}.png")
        Image.new("RGB", (300, 200), (30 * number, 90, 90)).save(paths[-1])
    rows = [[f"<person> {n}", "smiling" if n % 2 else "plain", value, n * 10] for n, value in enumerate(VALUES)]
    table = Table("Pictures & scores", ["person", "task", "identity", "seed"], rows, "What it is.", paths)
    gallery = Gallery(
        "Best", [Shown(paths[0], "0.9 · a 'quoted' \"prompt\"", "good"), Shown(folder / "gone.png", "gone")]
    )
    few = Table("Judges", ["judge", "identity"], [["a", 0.5], ["b", None]])
    return Report(
        "A & B", "8 pictures.", ["Mind this."], [few, gallery, table], {"seed": 42, "of": ["x", "y"]}, {"n": 8}
    )


VALUES = [0.25, -0.5, None, 10.0, 2.5, 0.125, 100.0, 0.5]


def test_the_same_numbers_as_html_json_and_csv(tmp_path):
    write_report(tmp_path / "out", made(tmp_path))
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["tables"]["judges"] == [{"judge": "a", "identity": 0.5}, {"judge": "b", "identity": None}]
    assert (found["n"], found["settings"]["seed"], found["notices"]) == (8, 42, ["Mind this."])
    with (tmp_path / "out" / "pictures-scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["identity"] for row in rows] == ["0.25", "-0.5", "", "10.0", "2.5", "0.125", "100.0", "0.5"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "http://" not in page
    assert "https://" not in page
    assert "<person>" not in page
    assert page.count("data:image/jpeg") == 10


def test_a_plot_is_in_the_page_and_beside_it(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (40, 20)).save(content, "PNG")
    write_report(tmp_path, Report("t", "", [], [Plot("Dose & response", content.getvalue(), "What.")], {}))
    assert (tmp_path / "dose-response.png").read_bytes() == content.getvalue()
    page = (tmp_path / "report.html").read_text()
    assert 'class="curve"' in page
    assert "data:image/png" in page


def test_a_number_that_is_none_is_refused():
    table = Table("T", ["a", "b"], [["x", float("nan")]])
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(Report("t", "", [], [table], {}))


@pytest.mark.parametrize(
    ("cell", "words"), [(None, "–"), (0.12345, "0.123"), (-0.5, "−0.500"), (123.45, "123.5"), (3, "3"), ("x", "x")]
)
def test_cells_as_people_read_them(cell, words):
    assert shown(cell) == words


def test_a_heading_as_a_file_name():
    assert file_name("Pictures & scores, by task") == "pictures-scores-by-task"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report in a headless Chromium, and what went wrong while it opened."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("page")
    path = write_report(folder / "out", made(folder))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened, faults = browser.new_page(), []
        opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else faults.append(request.url),
        )
        opened.goto(path.as_uri())
        yield opened, faults
        browser.close()


def column(opened, number):
    table = opened.locator("table.sortable").nth(1)
    return table.locator(f"tbody tr:not([hidden]) > *:nth-child({number})").all_inner_texts()


@needs_browser
def test_the_page_opens_without_errors_and_shows_every_picture(page):
    opened, faults = page
    assert faults == []
    assert opened.title() == "A & B"
    widths = opened.eval_on_selector_all("img", "all => all.map(image => image.naturalWidth)")
    assert len(widths) == 10
    assert all(0 < width <= 160 for width in widths)


@needs_browser
def test_the_page_sorts_by_a_click_both_ways_with_unknown_last(page):
    opened, faults = page
    opened.get_by_role("button", name="identity").nth(1).click()
    assert column(opened, 4) == ["−0.500", "0.125", "0.250", "0.500", "2.500", "10.0", "100.0", "–"]
    opened.get_by_role("button", name="identity").nth(1).click()
    assert column(opened, 4) == ["100.0", "10.0", "2.500", "0.500", "0.250", "0.125", "−0.500", "–"]
    opened.get_by_role("button", name="person").click()
    assert column(opened, 2)[:2] == ["<person> 0", "<person> 1"]
    assert faults == []


@needs_browser
def test_the_page_filters_by_words(page):
    opened, _ = page
    tools = opened.locator(".filter").nth(1)
    tools.fill("smiling 30")
    assert column(opened, 2) == ["<person> 3"]
    assert opened.locator(".count").nth(1).inner_text() == "1 of 8"
    tools.fill("")
    assert len(column(opened, 2)) == 8
