"""Reads protobuf's text format into plain messages: forks of Caffe add fields of their own, so that no description fits all of them.

The grammar is protobuf.dev/reference/protobuf/textformat-spec; extensions and Any are not used by Caffe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from edgekit.errors import MalformedModelError

MAX_BYTES = 1 << 26
MAX_DEPTH = 32
TOKEN = re.compile(
    r"""(?P<space>[\s,;]+|\#[^\n]*)|(?P<word>[A-Za-z_][\w.]*)|(?P<number>[-+]?(?:\.?\d[\w.]*(?:(?<=[eE])[-+]\d+)?|inf\w*|nan))"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<mark>[:{}<>\[\]-])|(?P<bad>.)"""
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Message:
    """Fields of one message: each a list of texts, numbers as written, and messages.

    Attributes:
        line: where it begins.
    """

    def __init__(self, line: int = 0) -> None:
        self.line = line
        self.fields: dict[str, list[Any]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def messages(self, name: str) -> list[Message]:
        """A repeated field of messages."""
        found = self.fields.get(name, [])
        if not all(isinstance(m, Message) for m in found):
            raise MalformedModelError(f"line {self.line}: {name} is no message")
        return found

    def message(self, name: str) -> Message:
        """A field that is a message; an empty one where it is absent. Of several the last counts."""
        found = self.messages(name)
        return found[-1] if found else Message(self.line)

    def get_strings(self, name: str) -> list[str]:
        """A repeated field of texts or words."""
        found = self.fields.get(name, [])
        if any(isinstance(v, Message) for v in found):
            raise MalformedModelError(f"line {self.line}: {name} is a message")
        return [str(v) for v in found]

    def get_string(self, name: str, default: str = "") -> str:
        """A text or word."""
        found = self.get_strings(name)
        return found[-1] if found else default

    def get_ints(self, name: str) -> list[int]:
        """A repeated field of integers."""
        return [self._number(name, v, int) for v in self.get_strings(name)]

    def get_int(self, name: str, default: int) -> int:
        """An integer."""
        found = self.get_ints(name)
        return found[-1] if found else default

    def get_floats(self, name: str) -> list[float]:
        """A repeated field of numbers."""
        return [self._number(name, v, float) for v in self.get_strings(name)]

    def get_float(self, name: str, default: float) -> float:
        """A number."""
        found = self.get_floats(name)
        return found[-1] if found else default

    def get_bool(self, name: str, default: bool) -> bool:
        """A truth value."""
        word = self.get_string(name, "true" if default else "false")
        if word not in ("true", "True", "t", "1", "false", "False", "f", "0"):
            raise MalformedModelError(f"line {self.line}: {name}: {word!r} is neither true nor false")
        return word[0] in "tT1"

    def _number(self, name: str, text: str, kind: Any) -> Any:
        try:
            if kind is float:
                return float(text.rstrip("fF") if not text.lower().endswith("inf") else text)
            return int(text, 0)
        except ValueError as e:
            raise MalformedModelError(f"line {self.line}: {name}: {text!r} is no {kind.__name__}") from e


def parse_text(text: str) -> Message:
    """The message a text describes.

    Raises:
        MalformedModelError: it is not in protobuf's text format; the message gives the line.
    """
    if len(text) > MAX_BYTES:
        raise MalformedModelError(f"a text of {len(text)} bytes; at most {MAX_BYTES} are read")
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = self._scan(text)
        self.line = 1
        self.kind, self.token = "", ""
        self._next()

    def _scan(self, text: str) -> Iterator[tuple[str, str, int]]:
        line = 1
        for m in TOKEN.finditer(text):
            kind = str(m.lastgroup)
            if kind == "bad":
                raise MalformedModelError(f"line {line}: {m.group()!r} is not expected here: no protobuf text")
            if kind != "space":
                yield kind, m.group(), line
            line += m.group().count("\n")
        yield "end", "the end of the file", line

    def _next(self) -> str:
        token = self.token
        self.kind, self.token, self.line = next(self._tokens, ("end", "the end of the file", self.line))
        return token

    def _fail(self, want: str) -> MalformedModelError:
        return MalformedModelError(f"line {self.line}: {want} is expected, got {self.token[:40]!r}")

    def run(self) -> Message:
        root = Message(1)
        self._fields(root, "end", 0)
        return root

    def _fields(self, message: Message, end: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise MalformedModelError(f"line {self.line}: messages are nested deeper than {MAX_DEPTH}")
        while True:
            if (end == "end" and self.kind == "end") or (self.kind == "mark" and self.token == end):
                return
            if self.kind != "word":
                raise self._fail("a field's name")
            name = self._next()
            colon = self.kind == "mark" and self.token == ":"
            if colon:
                self._next()
            values = message.fields.setdefault(name, [])
            if self.kind == "mark" and self.token in "{<":
                values.append(self._message(depth))
            elif not colon:
                raise self._fail("':' or '{'")
            elif self.kind == "mark" and self.token == "[":
                self._next()
                while not (self.kind == "mark" and self.token == "]"):
                    values.append(self._message(depth) if self.kind == "mark" and self.token in "{<" else self._scalar())
                self._next()
            else:
                values.append(self._scalar())

    def _message(self, depth: int) -> Message:
        inner = Message(self.line)
        end = "}" if self._next() == "{" else ">"
        self._fields(inner, end, depth + 1)
        self._next()
        return inner

    def _scalar(self) -> str:
        if self.kind == "text":
            parts = []
            while self.kind == "text":  # neighbours are one text
                parts.append(_unescaped(self._next()[1:-1]))
            return "".join(parts)
        if self.kind == "mark" and self.token == "-":
            self._next()
            return "-" + self._scalar()
        if self.kind not in ("word", "number"):
            raise self._fail("a value")
        return self._next()


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text) if "\\" in text else text
