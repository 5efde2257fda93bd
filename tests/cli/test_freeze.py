"""``--freeze``: inputs given as constants on the command line."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest

from edgekit.cli.parsing import parse_freeze


def test_numbers_lists_and_files(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.ones((2, 2), np.float32))
    found = parse_freeze(["rate=16000", "a=b=1.5", "sizes=2,3", "flag=true", f"m={tmp_path / 'm.npy'}"])
    assert found["rate"] == 16000 and found["rate"].shape == () and found["a=b"] == 1.5
    assert found["sizes"].tolist() == [2, 3] and found["flag"].dtype == bool and found["m"].shape == (2, 2)


@pytest.mark.parametrize("text", ["rate", "=3", "rate=fast", "rate=gone.npy"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_freeze([text])
