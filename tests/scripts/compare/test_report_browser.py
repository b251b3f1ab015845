"""The report in a headless Chromium: it loads without a complaint, can be sorted, read and printed.

The page is that of results/reference, with its figures as they are.
"""

import base64
from pathlib import Path

import browser
import made_up
import pytest
from conftest import ROOT
from living import processes_of, wait_until

from switchyard.compare.report.page import write_report
from switchyard.suite.results import ResultsFolder

if reason := browser.missing():
    pytest.skip(reason, allow_module_level=True)

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PHONE = 360
SHEET = 688  # A4 without its margins, in CSS pixels
# Of every table and column: after a click ascending, after another descending, empty cells last.
SORT_ALL = """
for (const details of document.querySelectorAll("details")) details.open = true;
const wrong = [];
let clicks = 0;
for (const table of document.querySelectorAll("table")) {
  for (const header of table.tHead.rows[0].cells) {
    for (const order of ["ascending", "descending"]) {
      header.querySelector("button").click();
      clicks += 1;
      const texts = Array.from(table.tBodies[0].rows,
                               (row) => row.cells[header.cellIndex].dataset.value);
      const known = texts.filter((text) => text !== "");
      const keys = header.classList.contains("number") ? known.map(Number) : known;
      const sorted = Array.from(keys).sort(
        header.classList.contains("number") ? (a, b) => a - b
          : new Intl.Collator("en", { numeric: true }).compare);
      if (order === "descending") sorted.reverse();
      const where = `${table.ariaLabel}/${header.textContent}/${order}`;
      if (header.getAttribute("aria-sort") !== order) wrong.push(`${where}: aria-sort`);
      if (keys.some(Number.isNaN)) wrong.push(`${where}: no number`);
      if (texts.slice(0, known.length).includes("")) wrong.push(`${where}: empty ones not last`);
      if (keys.join() !== sorted.join()) wrong.push(`${where}: ${keys.join()}`);
      if (table.querySelectorAll("[aria-sort]").length !== 1) wrong.push(`${where}: several`);
    }
  }
}
return [clicks, wrong];
"""
# WCAG 2's contrast of every element that has text of its own, with the ground it stands on.
CONTRAST = """
const channel = (c) => (c /= 255, c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
    if (colour[3] !== 0) throw new Error(`half transparent: ${at.outerHTML}`);
  }
  throw new Error("no ground");
}
const found = {};
for (const element of document.body.querySelectorAll("*")) {
  const own = Array.from(element.childNodes).some(
    (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!own || !element.getClientRects().length || element.closest("script")) continue;
  const [a, b] = [parse(getComputedStyle(element).color), ground(element)].map(luminance);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const name = element.tagName.toLowerCase();
  found[name] = Math.min(found[name] ?? Infinity, ratio);
}
return found;
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("chromium")
    with browser.chromium(folder) as driver:
        yield driver
    assert not processes_of(str(folder))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(ResultsFolder.load(ROOT / "results" / "reference"), file)
    return file


@pytest.fixture
def opened(chromium, report: Path):
    """The report just loaded, and nothing emulated any more."""
    emulate(chromium)
    chromium.get(report.as_uri())
    yield chromium
    emulate(chromium)


def emulate(driver, scheme: str = "light", media: str = "", width: int = 0) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    size = {"width": width, "height": 740 if width else 0, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def open_all(driver) -> None:
    driver.execute_script("for (const d of document.querySelectorAll('details')) d.open = true;")


def complaints(driver) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser")]


def test_nothing_is_complained_of_and_nothing_is_fetched(opened):
    opened.execute_script(SORT_ALL)
    assert complaints(opened) == []
    fetched = opened.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in fetched if not name.startswith("data:")] == []


def test_every_picture_is_drawn_as_wide_as_it_is(opened):
    widths = opened.execute_script(
        "return Array.from(document.querySelectorAll('figure svg'), (svg) => svg.getBBox().width)"
    )
    assert len(widths) >= 12
    assert min(widths) > 300


def test_every_column_of_every_table_can_be_sorted_by(opened):
    clicks, wrong = opened.execute_script(SORT_ALL)
    assert wrong == []
    assert clicks > 300


def echo_column(driver, index: int) -> list[str]:
    table = driver.find_element(By.CSS_SELECTOR, "#workload-echo table")
    rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
    cells = [row.find_elements(By.CSS_SELECTOR, "th, td")[index] for row in rows]
    return [cell.get_attribute("data-value") for cell in cells]


def header_of(driver, index: int):
    table = driver.find_element(By.CSS_SELECTOR, "#workload-echo table")
    return table.find_elements(By.CSS_SELECTOR, "thead button")[index]


def test_a_click_sorts_numbers_as_numbers_and_a_second_one_backwards(opened):
    header_of(opened, 0).click()
    connections = [int(value) for value in echo_column(opened, 0)]
    assert connections == [1, 1, 16, 16, 64, 64, 256, 256, 1_024, 1_024, 10_000, 100_000]
    header_of(opened, 0).click()
    assert [int(value) for value in echo_column(opened, 0)] == connections[::-1]


def test_the_keyboard_sorts_too(opened):
    button = header_of(opened, 3)
    button.send_keys(Keys.ENTER)
    speeds = [float(value) for value in echo_column(opened, 3) if value]
    assert speeds == sorted(speeds)
    button.send_keys(Keys.SPACE)
    assert [float(value) for value in echo_column(opened, 3) if value] == speeds[::-1]


@pytest.mark.parametrize("width", [PHONE, 768, 1280])
def test_only_tables_and_figures_scroll_sideways(width: int, opened):
    emulate(opened, width=width)
    open_all(opened)
    page, window = opened.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert window <= width
    assert page <= window
    boxes = opened.execute_script(
        "return Array.from(document.querySelectorAll('.scroll'), (box) => "
        "box.getBoundingClientRect().right <= document.documentElement.clientWidth)"
    )
    assert all(boxes)


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, media: str, opened):
    emulate(opened, scheme, media)
    open_all(opened)
    ratios = opened.execute_script(CONTRAST)
    assert {"p", "td", "th", "small", "li", "dt", "dd", "code", "h2", "button"} <= ratios.keys()
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


def test_dark_is_dark_and_figures_stay_on_white(opened):
    def ground(selector: str) -> str:
        script = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
        return opened.execute_script(script, selector)

    light = ground("body")
    emulate(opened, "dark")
    assert ground("body") != light == "rgb(255, 255, 255)"
    assert ground(".card") == "rgb(255, 255, 255)"


HIDDEN = """
return Array.from(document.querySelectorAll("details > :not(summary)"))
  .filter((element) => !element.checkVisibility() || !element.getBoundingClientRect().height)
  .length;
"""


def test_paper_has_everything_and_no_buttons(opened):
    folded = opened.execute_script(HIDDEN)
    assert folded > 10
    emulate(opened, media="print")
    assert opened.execute_script(HIDDEN) == 0
    shown = opened.execute_script(
        "return Array.from(document.querySelectorAll('.copy, nav')).filter((e) => "
        "getComputedStyle(e).display !== 'none').length"
    )
    assert shown == 0
    assert opened.execute_script(
        "return getComputedStyle(document.querySelector('.scroll')).overflowX"
    ) == "visible"  # fmt: skip
    emulate(opened)
    assert opened.execute_script(HIDDEN) == folded, "what was folded is so again"


def test_browsers_that_know_no_such_style_unfold_all_for_paper_too(opened):
    count = "return document.querySelectorAll('details[open]').length"
    opened.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert opened.execute_script(count) > 10
    opened.execute_script("dispatchEvent(new Event('afterprint'))")
    assert opened.execute_script(count) == 0


def test_no_table_is_wider_than_a_sheet(opened):
    emulate(opened, media="print", width=SHEET)
    widths = opened.execute_script(
        "return Array.from(document.querySelectorAll('table, figure svg, code'), "
        "(element) => element.getBoundingClientRect().right)"
    )
    assert max(widths) <= SHEET


def test_it_can_be_printed(opened):
    printed = opened.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    assert complaints(opened) == []


def test_a_command_can_be_copied(opened):
    button = opened.find_element(By.CSS_SELECTOR, "#reproduce .copy")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    wait_until(lambda: button.text in ("Copied", "Selected"), "the button says what it did")


def test_a_link_leads_to_its_workload(opened, report: Path):
    opened.get(f"{report.as_uri()}#workload-switch")
    top = opened.execute_script(
        "return document.getElementById('workload-switch').getBoundingClientRect().top"
    )
    assert abs(top) < 100


def test_spiteful_results_do_nothing(chromium, tmp_path: Path):
    spite = "\"'><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"
    kept = made_up.results("echo")
    kept.workload = kept.workload.parse(kept.workload.document() | {"what": spite})
    kept.benchmarks[0] |= {"error_occurred": True, "error_message": spite}
    folder = ResultsFolder(tmp_path, {"echo": kept}, {"machine": {spite: spite}})
    write_report(folder)
    chromium.get((tmp_path / "report.html").as_uri())
    assert chromium.execute_script("return window.hurt") is None
    assert complaints(chromium) == []
    assert spite in chromium.find_element(By.ID, "workload-echo").text
