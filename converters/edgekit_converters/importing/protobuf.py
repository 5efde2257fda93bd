"""Protocol buffers without ``protoc``: message classes from a short ``.proto`` text of our own, and parsing with limits.

The messages live in a descriptor pool of their own, so that they never clash with the same messages of an installed framework (every
protobuf runtime refuses two definitions of one name in its default pool).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.errors import MalformedModelError

MAX_BYTES = (1 << 31) - 1
"""protobuf's own limit for one message (protobuf.dev/programming-guides/proto-limits)."""
MAX_TEXT_BYTES = 1 << 28
MAX_TEXT_DEPTH = 100

#: FieldDescriptorProto.Type (descriptor.proto)
SCALARS = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7, "bool": 8, "string": 9, "bytes": 12,
    "uint32": 13, "sfixed32": 15, "sfixed64": 16, "sint32": 17, "sint64": 18,
}  # fmt: skip
MESSAGE, ENUM = 11, 14
#: FieldDescriptorProto.Label; ``required`` is read as ``optional``: an absent field is for the importer to judge
LABELS = {"optional": 1, "required": 1, "repeated": 3}
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.]*|-?[0-9][\w.+-]*|[{}<>=;,\[\]]|//[^\n]*|\s+|(.)')


def compile_messages(name: str, text: str) -> Mapping[str, Any]:
    """Message classes by their name in ``text`` (nested ones as ``Outer.Inner``).

    Args:
        name: a name for the description, shown in protobuf's own errors.
        text: a ``.proto`` description: ``syntax``, ``message``, ``enum``, ``oneof``, ``map`` fields, and the options ``default`` and
            ``packed``; names are looked up from the inside out. Without ``syntax`` it is proto2. Fields left out are skipped when
            parsing.

    Raises:
        ValueError: the text is not of that form (a mistake in EdgeKit, not in a model).
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=f"edgekit.{name}")
    _Parser(text, file).run()
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {}
    for path in _message_paths(file.message_type, ""):
        found[path] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{path}"))
    return found


def _message_paths(messages: Any, outer: str) -> Iterator[str]:
    for m in messages:
        if not m.options.map_entry:
            yield outer + m.name
            yield from _message_paths(m.nested_type, f"{outer}{m.name}.")


class _Parser:
    """Recursive descent over the description's tokens, writing into a FileDescriptorProto."""

    def __init__(self, text: str, file: Any) -> None:
        self.tokens = []
        for m in TOKEN.finditer(text):
            if m.group(1):
                raise ValueError(f"stray {m.group(1)!r} in a message description")
            if not m.group().isspace() and not m.group().startswith("//"):
                self.tokens.append(m.group())
        self.at = 0
        self.file = file
        self.kinds: dict[str, int] = {}
        self.unresolved: list[tuple[Any, str, str]] = []

    def run(self) -> None:
        while self.at < len(self.tokens):
            if self._next_is("syntax"):
                self._take("=")
                self.file.syntax = self._take().strip('"')
                self._take(";")
            else:
                self._declaration(self.file.message_type, self.file.enum_type, "")
        for field, scope, name in self.unresolved:
            self._resolve(field, scope, name)

    def _take(self, want: str = "") -> str:
        if self.at >= len(self.tokens) or (want and self.tokens[self.at] != want):
            raise ValueError(f"{want!r} expected at ...{' '.join(self.tokens[max(0, self.at - 8) : self.at + 1])!r}")
        self.at += 1
        return self.tokens[self.at - 1]

    def _next_is(self, word: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == word:
            self.at += 1
            return True
        return False

    def _declaration(self, messages: Any, enums: Any, scope: str) -> bool:
        """A nested message or enum, when one begins here."""
        if self._next_is("message"):
            self._message(messages.add(name=self._take()), scope)
        elif self._next_is("enum"):
            enum = enums.add(name=self._take())
            self.kinds[scope + enum.name] = ENUM
            self._take("{")
            while not self._next_is("}"):
                value = enum.value.add(name=self._take())
                self._take("=")
                value.number = int(self._take())
                self._take(";")
        elif not scope:
            raise ValueError(f"message or enum expected, got {self._take()!r}")
        else:
            return False
        return True

    def _message(self, message: Any, scope: str) -> None:
        path = scope + message.name
        self.kinds[path] = MESSAGE
        self._take("{")
        while not self._next_is("}"):
            if self._declaration(message.nested_type, message.enum_type, path + "."):
                continue
            if self._next_is("oneof"):
                message.oneof_decl.add(name=self._take())
                self._take("{")
                while not self._next_is("}"):
                    self._field(message, path).oneof_index = len(message.oneof_decl) - 1
            elif self._next_is("map"):
                self._map(message, path)
            else:
                self._field(message, path)

    def _field(self, message: Any, path: str) -> Any:
        field = message.field.add(label=1)
        word = self._take()
        if word in LABELS:
            field.label = LABELS[word]
            word = self._take()
        self._type(field, path, word)
        self._name(field)
        if self._next_is("["):
            while True:
                option = self._take()
                self._take("=")
                value = self._take()
                if option == "default":
                    field.default_value = value[1:-1] if value.startswith('"') else value
                elif option == "packed":
                    field.options.packed = value == "true"
                else:
                    raise ValueError(f"option {option!r} of a field is not known")
                if self._next_is("]"):
                    break
                self._take(",")
        self._take(";")
        return field

    def _name(self, field: Any) -> None:
        field.name = self._take()
        self._take("=")
        field.number = int(self._take())

    def _type(self, field: Any, path: str, word: str) -> None:
        if word in SCALARS:
            field.type = SCALARS[word]
        else:
            self.unresolved.append((field, path, word))

    def _map(self, message: Any, path: str) -> None:
        """A map field is a repeated message of key and value (protobuf.dev/programming-guides/encoding#maps)."""
        self._take("<")
        key = self._take()
        self._take(",")
        value = self._take()
        self._take(">")
        field = message.field.add(label=3, type=MESSAGE)
        self._name(field)
        self._take(";")
        entry = message.nested_type.add(name="".join(part.capitalize() for part in field.name.split("_")) + "Entry")
        entry.options.map_entry = True
        field.type_name = f".{self.file.package}.{path}.{entry.name}"
        self._type(entry.field.add(name="key", number=1, label=1), path, key)
        self._type(entry.field.add(name="value", number=2, label=1), path, value)

    def _resolve(self, field: Any, scope: str, name: str) -> None:
        while True:
            path = f"{scope}.{name}" if scope else name
            if path in self.kinds:
                field.type = self.kinds[path]
                field.type_name = f".{self.file.package}.{path}"
                return
            if not scope:
                raise ValueError(f"no message or enum {name!r} is described")
            scope = scope.rpartition(".")[0]


def parse(message_class: Any, data: bytes | memoryview, where: str) -> Any:
    """The message that ``data`` holds.

    Args:
        message_class: of ``compile_messages``.
        data: the encoded message. Nested messages deeper than the runtime's limit (100) are an error.
        where: what is read, for messages, e.g. a path.

    Raises:
        MalformedModelError: it holds none.
    """
    from google.protobuf.message import DecodeError

    if len(data) > MAX_BYTES:
        raise MalformedModelError(f"{where}: {len(data)} bytes are more than a protobuf message can have")
    try:
        return message_class.FromString(data if isinstance(data, bytes) else bytes(data))
    except (DecodeError, RecursionError, ValueError, TypeError) as e:
        name = message_class.DESCRIPTOR.name
        raise MalformedModelError(f"{where}: it is no {name}: the protobuf encoding is broken or nested too deeply ({e})") from e


def parse_text(message_class: Any, text: bytes | str, where: str) -> Any:
    """The message that ``text``, in protobuf's text format, describes; fields that the description lacks are skipped.

    Raises:
        MalformedModelError: it describes none; the message names the line.
    """
    from google.protobuf import text_format

    if len(text) > MAX_TEXT_BYTES:
        raise MalformedModelError(f"{where}: {len(text)} bytes of text are more than the {MAX_TEXT_BYTES} that are read")
    try:
        plain = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as e:
        raise MalformedModelError(f"{where}: the text is not UTF-8 at byte {e.start}") from e
    if _depth(plain) > MAX_TEXT_DEPTH:
        raise MalformedModelError(f"{where}: messages are nested deeper than {MAX_TEXT_DEPTH}")
    try:
        return text_format.Parse(plain, message_class(), allow_unknown_field=True, allow_unknown_extension=True)
    except (text_format.ParseError, RecursionError, ValueError, TypeError, AttributeError, KeyError) as e:
        raise MalformedModelError(f"{where}: it is no {message_class.DESCRIPTOR.name} in text form: {e}") from e


def _depth(text: str) -> int:
    """How deep braces nest, strings and comments left out."""
    deepest = depth = 0
    for m in re.finditer(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|[{}<>]""", text):
        if m.group() in "{<":
            depth += 1
            deepest = max(deepest, depth)
        elif m.group() in "}>":
            depth -= 1
    return deepest
