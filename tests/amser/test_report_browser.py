"""The report in a real browser: every plot drawn, no error, nothing wider than the window, light and dark.

Needs Chromium (Debian's package, or one that Playwright knows) and the package playwright; skipped without.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amser.report import write_report
from sim.study.results import Results

WIDTHS = (480, 1000, 1400)
PATIENCE_MS = 300_000  # of a busy machine; nothing here is timed


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def report(results_folder: Callable[..., Path]) -> Path:
    """A study of codecs at three numbers of phones, with menus, legends and every panel."""
    points = [
        {"devices.phones.codec": c, "devices.phones.count": n} for n in (10, 40) for c in ("raw", "flac", "amser-25")
    ]
    folder = results_folder(points)
    rows = ["devices.phones.codec,devices.phones.count,metric,unit,difference,low,high,n,over,variance_reduction"]
    rows += [
        f"{c},{n},latency_mean_s,s,-0.1,-0.2,-0.05,3,replications,2.0" for n in (10, 40) for c in ("flac", "amser-25")
    ]
    (folder / "differences.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return write_report(Results.open(folder))


def looked_at(browser: Any, file: Path, scheme: str, plots: list[str]) -> Any:
    """The page at each width: every plot of ``plots`` drawn, nothing wider than the window, no error."""
    page = browser.new_page(viewport={"width": WIDTHS[0], "height": 900}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-drawn=yes]")
        found = page.evaluate(
            "[...document.querySelectorAll('.plot')].map("
            "e => [e.id, e.querySelectorAll('.main-svg .trace').length > 0, e.scrollWidth])"
        )
        assert [name for name, _, _ in found] == plots
        assert all(drawn and wide <= width for _, drawn, wide in found), found
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # The headline is read at once, without scrolling in it.
        wide = "[...document.querySelectorAll('table.versus')].some(t => t.scrollWidth > t.parentElement.clientWidth)"
        assert not page.evaluate(wide), width
    assert errors == []
    return page


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_plot_is_drawn_and_fits(browser: Any, report: Path, scheme: str) -> None:
    page = looked_at(browser, report, scheme, ["trade-off", "against-1", "latency", "stages", "energy"])
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    ink = page.evaluate("getComputedStyle(document.querySelector('.plot .xtitle')).fill")
    red = int(ink.removeprefix("rgb(").split(",")[0])
    assert (red < 100) == (scheme == "light")  # dark letters on paper, light ones on a dark page


@pytest.mark.slow
def test_advice_is_drawn_and_fits(browser: Any, tmp_path: Path) -> None:
    from amser.advice import advise
    from amser.report.advice_page import render

    file = tmp_path / "advice.html"
    file.write_text(render(advise([2.1, 6.2])), encoding="utf-8")
    looked_at(browser, file, "dark", ["losses"])
