"""What a TorchScript file says of its inputs without torch."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgekit import converters
from edgekit_converters.pytorch.script_inputs import tensor_inputs

CODE = """class Net(Module):
  __parameters__ = []
  training : bool
  def forward(self: __torch__.net.Net,
    image: Tensor,
    rate: int,
    mask: Optional[Tensor]=None) -> Tuple[Tensor, Tensor]:
    return (image, image)
  def helper(self: __torch__.net.Net, other: Tensor) -> Tensor:
    return other
class Net2(Module):
  def forward(self: __torch__.net.Net2, wrong: Tensor) -> Tensor:
    return wrong
"""


def archive(path: Path, code: str = CODE, pickle: bytes = b"\x80\x02c__torch__.net\nNet\nq\x00)\x81.") -> Path:
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("net/data.pkl", pickle)
        z.writestr("net/constants.pkl", b"\x80\x02).")
        z.writestr("net/code/__torch__/net.py", code)
    return path


def test_the_required_tensors_of_forward(tmp_path: Path) -> None:
    assert tensor_inputs(archive(tmp_path / "net.pt")) == ["image"]


@pytest.mark.parametrize(
    ("code", "pickle"),
    [("", b"\x80\x02c__torch__.net\nNet\n."), (CODE, b"\x80\x02N."), (CODE, b"cut off"), (CODE, b"\x80\x02c__torch__.gone\nNet\n.")]
)
def test_a_file_that_does_not_tell(code: str, pickle: bytes, tmp_path: Path) -> None:
    assert tensor_inputs(archive(tmp_path / "net.pt", code, pickle)) == []


def test_check_names_the_open_inputs_whether_or_not_torch_is_there(tmp_path: Path) -> None:
    (blocker,) = converters.check(archive(tmp_path / "net.pt"))
    assert blocker.reason == "dynamic-shape" and blocker.nodes == ("image",) and "--shape image:" in blocker.hint
