"""A JSON text as a stream of values, of which only the present one is in memory."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from backend.data.readers.json_text import JsonProblem, scan_json, skip_space

MAX_VALUE_CHARACTERS = 8_000_000
NO_ROWS = "it holds neither a list of objects nor an object"
_PORTION_BYTES = 1 << 20
_NUMBER = re.compile(r"[-+.0-9eE]*")


class JsonStream:
    """Reads on where the last call ended. Every method raises JsonProblem for what is no JSON.

    A value may have MAX_VALUE_CHARACTERS; at most twice as many are in memory.
    """

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._num_bytes = 0
        self._text = self._decoded(head)
        self._at = 0
        self._line = 1
        self._is_over = False

    def peek(self) -> str:
        """The next character that is no white space, "" at the end."""
        while True:
            self._at = skip_space(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def value(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = scan_json(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._read_on():
                    continue
                raise self._problem(error.msg.removesuffix(" at"), error.pos) from error
            if isinstance(value, int | float) and self._may_be_cut(end) and self._read_on():
                continue
            self._at = end
            return value

    def items(self) -> Iterator[Any]:
        """The values of the list that comes next."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self.value()
            if self._take(",]") == "]":
                return

    def each_key(self) -> Iterator[str]:
        """The keys of the object that comes next; the caller takes each one's value before it goes on."""
        self._take("{")
        seen: set[str] = set()
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            if self.peek() != '"':
                raise self._problem("Expecting property name enclosed in double quotes", self._at)
            key = self.value()
            if key in seen:
                raise JsonProblem(f"the key {key[:80]!r} occurs twice")
            seen.add(key)
            self._take(":")
            yield key
            if self._take(",}") == "}":
                return

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self._problem("Extra data", self._at)

    def _take(self, allowed: str) -> str:
        found = self.peek()
        if not found or found not in allowed:
            raise self._problem(f"Expecting {' or '.join(map(repr, allowed))}", self._at)
        self._at += 1
        return found

    def _read_on(self) -> bool:
        """Forget what was taken and read as much again as is left; False at the end of the file."""
        if self._is_over:
            return False
        left = len(self._text) - self._at
        if left > MAX_VALUE_CHARACTERS:
            where = f"the value that begins in line {self._line_at(self._at)}"
            raise JsonProblem(f"{where} is no valid JSON, or longer than {MAX_VALUE_CHARACTERS:,} characters")
        self._line = self._line_at(self._at)
        data = self._file.read(max(_PORTION_BYTES, left))
        self._is_over = not data
        self._text = self._text[self._at :] + self._decoded(data)
        self._at = 0
        return not self._is_over

    def _may_be_cut(self, end: int) -> bool:
        """Whether more of a number may be in the next portion: `1.` is read as 1."""
        found = _NUMBER.match(self._text, end)
        return found is not None and found.end() == len(self._text)

    def _decoded(self, data: bytes) -> str:
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise JsonProblem(f"not UTF-8 text at byte {self._num_bytes + error.start + 1}") from error
        self._num_bytes += len(data)
        return text

    def _line_at(self, position: int) -> int:
        return self._line + self._text.count("\n", 0, position)

    def _problem(self, said: str, position: int) -> JsonProblem:
        return JsonProblem(f"no valid JSON: {said} at line {self._line_at(position)}")
