"""What a broken or unsupported MXNet model says."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from edgekit import converters
from edgekit.errors import MalformedModelError, UnsupportedOpError
from tests.converters.damage import damaged, refusals
from tests.converters.mxnet.models import V2, Net, params_bytes
from tests.converters.mxnet.test_load import X, small_net


def test_all_blockers_come_in_one_error(tmp_path: Path) -> None:
    net = Net()
    x = net.var("data", __shape__="(2, 3, 4, 4)")
    a = net.op("Correlation", "first", x, x)
    b = net.op("Custom", "second", a, op_type="mine")
    c = net.op("Pooling", "third", x, kernel=(2, 2), pooling_convention="same")
    d = net.op("Correlation", "fourth", x, x)
    with pytest.raises(UnsupportedOpError) as e:
        converters.load(net.save(tmp_path, b, c, d))
    found = {(k.op, k.nodes, k.reason) for k in e.value.blockers}
    assert found == {
        ("Correlation", ("first", "fourth"), "unsupported-op"), ("Custom", ("second",), "unsupported-op"),
        ("Pooling", ("third",), "unsupported-variant"),
    }  # fmt: skip


def test_a_missing_shape_says_how_to_give_it(tmp_path: Path) -> None:
    net = Net()
    with pytest.raises(MalformedModelError, match="--shape data:"):
        converters.load(net.save(tmp_path, net.op("relu", "r", net.var("data"))))


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    net, head = small_net()
    del net.params["arg:fc_weight"]
    with pytest.raises(MalformedModelError, match="no array 'fc_weight'"):
        converters.load(net.save(tmp_path, head), shapes={"data": X.shape})
    (tmp_path / "net-0001.params").unlink()
    with pytest.raises(MalformedModelError, match=r"no \.params file lies beside"):
        converters.load(tmp_path / "net-symbol.json", shapes={"data": X.shape})
    (tmp_path / "net-0001.params").write_bytes(params_bytes({"0.weight": X}))
    with pytest.raises(MalformedModelError, match=r"HybridBlock\.export"):
        converters.load(tmp_path / "net-symbol.json", shapes={"data": X.shape})


def test_parameters_without_a_symbol(tmp_path: Path) -> None:
    (tmp_path / "net-0001.params").write_bytes(params_bytes({}))
    with pytest.raises(MalformedModelError, match=r"net-symbol\.json"):
        converters.load(tmp_path / "net-0001.params")


def test_sparse_arrays_are_refused_by_name(tmp_path: Path) -> None:
    net, head = small_net()
    path = net.save(tmp_path, head)
    sparse = struct.pack("<IiIqqIqqiii", V2, 1, 2, 1, 4, 2, 9, 4, 1, 0, 0) + struct.pack("<iIq", 6, 1, 1) + b"\0" * 16 + b"\0" * 8
    name = b"arg:rows"
    (tmp_path / "net-0001.params").write_bytes(struct.pack("<QQQ", 0x112, 0, 1) + sparse + struct.pack("<QQ", 1, len(name)) + name)
    with pytest.raises(UnsupportedOpError, match="row_sparse"):
        converters.load(path, shapes={"data": X.shape})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nodes": []}, "0 nodes"),
        ({"heads": []}, "no heads"),
        ({"heads": [[99, 0]]}, "a head names"),
        ({"nodes": [{"op": "relu", "name": "r", "inputs": [[0, 0]]}]}, "does not come before it"),
        ({"nodes": [{"op": "relu"}]}, "no op and name"),
        ({"nodes": [{"op": "null", "name": "x", "attrs": {"a": 1}}]}, "table of strings"),
    ],
)
def test_broken_symbols(change: dict[str, object], says: str, tmp_path: Path) -> None:
    net = Net()
    path = net.save(tmp_path, net.var("x", __shape__="(1,)"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(MalformedModelError, match=says):
        converters.load(path)


def test_json_nested_too_deeply(tmp_path: Path) -> None:
    (tmp_path / "net-symbol.json").write_text('{"nodes": ' + "[" * 200000)
    with pytest.raises(MalformedModelError):
        converters.load(tmp_path / "net-symbol.json")


@pytest.mark.parametrize("offset", [16, 24, 32, 36, 44])
def test_hostile_counts_are_refused_at_once(offset: int, tmp_path: Path) -> None:
    net, head = small_net()
    path = net.save(tmp_path, head)
    data = bytearray((tmp_path / "net-0001.params").read_bytes())
    data[offset : offset + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "net-0001.params").write_bytes(bytes(data))
    with pytest.raises(MalformedModelError, match="at byte"):
        converters.load(path, shapes={"data": X.shape})


def test_damaged_files_raise_conversion_errors_only(tmp_path: Path) -> None:
    net, head = small_net()
    symbol = net.save(tmp_path, head)
    params = tmp_path / "net-0001.params"
    for path in (params, symbol):
        whole = path.read_bytes()

        def load(data: bytes, path: Path = path) -> None:
            path.write_bytes(data)
            converters.load(symbol, shapes={"data": X.shape})

        assert refusals(damaged(whole, 150, seed=7, cut=True), load)
        path.write_bytes(whole)
    assert converters.check(symbol, shapes={"data": X.shape}) == []
