"""The HTML report in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgekit
from tests.digits import digits_files
from tests.report.test_report import SECTIONS, full_settings
from tests.require import require

_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb", "--enable-logging=stderr",
]  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Path:
    digits = digits_files()
    return edgekit.report(digits.int8.path, tmp_path / "report.html", full_settings(digits))


def _browse(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    require("chromium", browser is not None, "chromium is not installed (apt-get install chromium)")
    return subprocess.run(
        [str(browser), *_FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_the_page_as_the_browser_sees_it(page: Path, tmp_path: Path) -> None:
    done = _browse(tmp_path, "--dump-dom", page.as_uri())
    for section in SECTIONS:
        assert f'id="{section}"' in done.stdout
    assert done.stdout.count("<svg") >= 3
    assert not re.search(r"CONSOLE[^\n]*(error|warning|refused)", done.stderr, re.IGNORECASE), done.stderr
    assert "net::ERR" not in done.stderr


def test_the_screenshot_shows_a_page(page: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    _browse(tmp_path, f"--screenshot={shot}", "--window-size=1000,2200", page.as_uri())
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (2200, 1000, 3)
    white = (pixels == 255).all(axis=2)
    assert white.mean() > 0.5, "the light theme has a white ground"
    assert (~white).any(axis=1).mean() > 0.3, "text, tables and plots down the page"
    bars = (np.abs(pixels.astype(int) - (0x2F, 0x6F, 0xDB)) < 8).all(axis=2)
    area = (np.abs(pixels.astype(int) - (0xBC, 0xD3, 0xF7)) < 8).all(axis=2)
    assert area.sum() > 5000, "the memory plot is filled"
    assert bars.sum() > 500, "the latency bars are drawn"
    assert not (~white)[:, -10:].any(), "nothing runs out of the page on the right"
