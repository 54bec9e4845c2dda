"""The report in a real browser: Debian's Chromium, headless, started once."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from report_sites import DAY, edited, many, prepared
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from test_report import live

from gmconf.report.page import page
from gmconf.report.status import standings
from gmconf.site.load import load

WIDTHS = (360, 1280)
Found = TypeVar("Found")
PATIENCE = 600
"""Seconds that a browser may take on a machine with other work to do."""


@pytest.fixture(scope="session")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Reports: all well; spread over hosts; many hosts; a level that does not hold,
    with live results and long names.
    """
    made = {}
    for name in ("bronze", "six", "twelve", "failing"):
        work = tmp_path_factory.mktemp(name)
        if name == "twelve":
            found = standings(many(12, work), DAY)
        elif name == "failing":
            loaded = edited(prepared("bronze", work), "name: Example Provider", f"name: {'Verylongname' * 9}")
            found = standings(
                edited(loaded.path, "level: bronze", "level: silver"), DAY, live(("mta.banner-min", "fail", "smtp"))
            )
        else:
            found = standings(load(prepared(name, work)), DAY)
        made[name] = work / "report.html"
        made[name].write_text(page(found))
    return made


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # The tests run as root, where Chromium's own sandbox does not start; the pages are ours.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = started(options)
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


def started(options: ChromeOptions) -> Chrome:
    """A browser; a busy machine may need more than the minute that chromedriver gives it, and it is quicker the second
    time."""
    return patiently(lambda: Chrome(options=options, service=Service("/usr/bin/chromedriver")))


def patiently(do: Callable[[], Found]) -> Found:
    """What may be done again: chromedriver waits ten seconds for an answer of the page, and no option changes that."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return do()
        except WebDriverException:
            if time.monotonic() > until:
                raise


def show(browser: Chrome, path: Path, width: int = 1280, *, dark: bool = False, anchor: str = "") -> None:
    patiently(lambda: _show(browser, path, width, dark=dark, anchor=anchor))


def _show(browser: Chrome, path: Path, width: int, *, dark: bool, anchor: str) -> None:
    browser.get("about:blank")
    for name in ("browser", "performance"):
        browser.get_log(name)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
    )
    browser.get(f"file://{path}{anchor}")


def opened(browser: Chrome) -> None:
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")


@pytest.mark.parametrize("name", ["bronze", "six", "twelve", "failing"])
def test_no_error_and_no_request(browser, pages, name) -> None:
    show(browser, pages[name])
    opened(browser)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith("data:")} == {f"file://{pages[name]}"}
    assert [e for e in events if e["method"] == "Network.loadingFailed"] == []


def test_a_page_that_asks_for_more_is_noticed(browser, pages, tmp_path) -> None:
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(
        re.sub(r"<meta http-equiv=[^>]*>", "", pages["bronze"].read_text()).replace(
            "<main>", '<main><img src="missing.png" alt="">'
        )
    )
    show(browser, spoiled)
    assert browser.get_log("browser")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    assert any(
        e["method"] == "Network.requestWillBeSent" and e["params"]["request"]["url"].endswith("missing.png")
        for e in events
    )


@pytest.mark.parametrize("name", ["bronze", "six", "twelve", "failing"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_does_not_scroll_sideways(browser, pages, name, width) -> None:
    show(browser, pages[name], width)
    for _ in range(2):
        seen, room, window = browser.execute_script(
            "const e = document.documentElement; return [e.scrollWidth, e.clientWidth, window.innerWidth]"
        )
        assert seen == room <= window == width
        opened(browser)


@pytest.mark.parametrize("width", WIDTHS)
def test_text_is_inside_what_holds_it(browser, pages, width) -> None:
    """No text is cut off or lies on another: whatever is wider than its cell must be able to scroll."""
    show(browser, pages["failing"], width)
    opened(browser)
    wide = browser.execute_script(
        "return [...document.querySelectorAll('td, th, p, li, dd, h1, h2, h3, summary > *')].filter(e => e.scrollWidth"
        " > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => e.outerHTML.slice(0, 200))"
    )
    assert wide == []


def test_every_internal_link_leads_somewhere(browser, pages) -> None:
    show(browser, pages["failing"])
    dead = browser.execute_script(
        "return [...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1)).filter(id =>"
        " !document.getElementById(id))"
    )
    assert dead == []


def test_an_anchor_opens_its_control(browser, pages) -> None:
    show(browser, pages["bronze"], anchor="#mta.banner-min")
    state = "const body = document.getElementById('mta.banner-min'); const box = body.getBoundingClientRect();"
    assert (
        browser.execute_script(
            f"{state} return [body.parentElement.open, box.height > 50, box.top >= 0 && box.top < window.innerHeight]"
        )
        == [True] * 3
    )
    assert browser.execute_script("return document.querySelectorAll('details[open]').length") == 1


def test_first_screen_has_the_answer(browser, pages) -> None:
    for name, says in (
        ("bronze", "Bronze is declared and holds on paper, with 1 control waived until 2027-04-30."),
        ("failing", "Silver is declared and does not hold:"),
    ):
        show(browser, pages[name])
        text, bottom = browser.execute_script(
            "const h = document.querySelector('.headline h2'); return [h.innerText, h.getBoundingClientRect().bottom]"
        )
        assert text.startswith(says)
        assert bottom < 500


def contrasts(browser: Chrome) -> list[float]:
    """WCAG 2 contrast of every kind of text against what lies behind it."""
    return browser.execute_script(
        """
        const lum = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
                               .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
                           return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
        const behind = e => { for (; e; e = e.parentElement) { const b = getComputedStyle(e).backgroundColor;
                                                                 if (!/, 0\\)$/.test(b)) return b; } };
        return [...document.querySelectorAll('p, a, code, td, th, .state, .tag, .quiet, h2, dt')]
          .filter(e => e.innerText.trim()).map(e => {
            const [a, b] = [lum(getComputedStyle(e).color), lum(behind(e))];
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); });"""
    )


@pytest.mark.parametrize("dark", [False, True])
def test_readable_in_light_and_dark(browser, pages, dark) -> None:
    show(browser, pages["failing"], dark=dark)
    paper = browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == dark
    opened(browser)
    assert min(contrasts(browser)) >= 4.5


def test_prints_everything(pages, tmp_path) -> None:
    file = tmp_path / "report.pdf"
    # Not by chromedriver, which gives up after ten seconds.
    argv = [
        "/usr/bin/chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path}/profile",
    ]
    subprocess.run(
        [*argv, "--no-pdf-header-footer", f"--print-to-pdf={file}", f"file://{pages['bronze']}"],
        capture_output=True,
        check=True,
    )
    count = re.search(
        r"^Pages:\s+(\d+)$", subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout, re.M
    )
    assert int(count[1]) > 10
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    for shown in ("Bronze is declared and holds on paper", "smtpd_forbid_bare_newline", "How controls are proved"):
        assert shown in text, shown
