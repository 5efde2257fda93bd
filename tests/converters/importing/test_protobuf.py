"""Message descriptions compiled at run time, and parsing with limits."""

from __future__ import annotations

import pytest

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.protobuf import compile_messages, parse, parse_text
from edgekit_converters.importing.wire import write_field

TEXT = """
syntax = "proto3";
message Tree {              // a comment
  enum Kind { LEAF = 0; INNER = 3; }
  Kind kind = 1;
  repeated Tree child = 2;
  oneof value { string s = 3; bytes b = 4; Pair pair = 5; }
  map<string, Pair> named_pairs = 6;
  repeated int32 numbers = 7;
  message Pair { int64 x = 1; double y = 2; }
}
"""
OLD = 'message Old { optional int32 n = 1 [default = 7]; repeated float f = 2 [packed = true]; optional string s = 3 [default = "a b"]; }'


def test_compiles_what_models_need() -> None:
    messages = compile_messages("trees", TEXT)
    assert set(messages) == {"Tree", "Tree.Pair"}
    t = messages["Tree"](kind=3, numbers=[1, -2])
    t.child.add(pair=messages["Tree.Pair"](x=5))
    t.named_pairs["here"].y = 2.5
    back = parse(messages["Tree"], t.SerializeToString(), "here")
    assert back == t
    assert back.child[0].WhichOneof("value") == "pair"
    assert back.named_pairs["here"].y == 2.5


def test_defaults_and_two_pools_hold_one_name() -> None:
    first, second = compile_messages("same", OLD)["Old"], compile_messages("same", OLD)["Old"]
    assert first is not second
    message = first()
    assert (message.n, message.s) == (7, "a b")
    assert not message.HasField("n")
    message.f.extend([1.0, 2.0])
    assert message.SerializeToString() == b"\x12\x08\x00\x00\x80?\x00\x00\x00@"


def test_unknown_fields_are_skipped() -> None:
    wide = compile_messages("wide", "message M { optional int32 a = 1; optional string more = 2; }")["M"]
    narrow = compile_messages("narrow", "message M { optional int32 a = 1; }")["M"]
    assert parse(narrow, wide(a=4, more="x").SerializeToString(), "m").a == 4
    assert parse_text(narrow, 'a: 4 more: "x" deeper { b: 1 }', "m").a == 4


@pytest.mark.parametrize("text", ["message M { int32 a = 1 ", "message M { Missing a = 1; }", "what M {}", "message M { int32 a ? 1; }"])
def test_a_broken_description_is_our_own_mistake(text: str) -> None:
    with pytest.raises(ValueError):
        compile_messages("broken", text)


def test_broken_messages_say_where() -> None:
    tree = compile_messages("trees", TEXT)["Tree"]
    deep = b""
    for _ in range(150):
        deep = write_field(2, deep)
    for data in (b"\x0a\xff", b"\x1a\x02\xff\xfe", deep):
        with pytest.raises(MalformedModelError, match="here"):
            parse(tree, data, "here")


@pytest.mark.parametrize("text", ["kind: ]", "kind: SEVEN", "child { ", b"\xff", "child {" * 120 + "}" * 120, "numbers: 99999999999999"])
def test_broken_text_says_where(text: str | bytes) -> None:
    with pytest.raises(MalformedModelError, match="here"):
        parse_text(compile_messages("trees", TEXT)["Tree"], text, "here")
