"""How far an event file was understood, and which bytes could not be."""

import numpy as np

from backend.event_files.chains import Places
from backend.event_files.frames import Block
from backend.event_files.headers import FRAME_BYTES, HEADER_BYTES, Headers
from backend.event_files.templates import Data

_MAX_PROTOBUF_BYTES = 1 << 31  # no message is larger: a record that claims more will never be complete
_MAX_DAMAGE = 1_000  # ranges remembered per file; further damage widens the last one


class Scanner:
    """Goes through the blocks of one file; behind damage it searches the next frame whose CRCs are right.

    While no such frame is known, `offset` stays at the damage, so that bytes that were not written yet when
    we came by are tried again. `searched` keeps that search from going over the same bytes twice.
    """

    def __init__(self, block_bytes: int, headers: Headers) -> None:
        self._block_bytes = block_bytes
        self.offset = 0  # the first byte that is not understood yet
        self.searched = 0  # no whole frame begins between the offset and here
        self.headers = headers
        self.torn: tuple[int, int] | None = None  # first byte and end of a record that was left unfinished
        self._damage: list[tuple[int, int]] = []
        self._open_damage: tuple[int, int] | None = None

    def frames(self, base: int, data: bytes, *, is_last: bool) -> tuple[Places, Places]:
        """Start and length of the payloads in the bytes from `base` on; `is_last` if the file has no more.

        `base` is `searched` to go on with a search, and otherwise `offset`.
        """
        block = Block(data, self.headers, self._block_bytes)
        starts, lengths = [], []
        is_on_track = base == self.offset
        while True:
            if is_on_track:
                chain = block.chain(self.offset - base)
                starts.append(chain.starts)
                lengths.append(chain.lengths)
                for first, end in chain.damaged:
                    self.add_damage(base + first, base + end - 1)
                self.advance(base + chain.end)
                if not chain.is_broken and (not is_last or chain.end == len(data)):
                    break
            is_on_track = self._find_next(base, block)
            if not is_on_track:
                break
        return _joined(starts), _joined(lengths)

    def _find_next(self, base: int, block: Block) -> bool:
        found, resume = block.next_frame(max(self.offset + 1, self.searched) - base)
        if found is None:
            self.searched = max(self.searched, base + resume)
            return False
        self._remember_torn(base, block.data)
        self.add_damage(self.offset, base + found - 1)
        self.advance(base + found)
        return True

    def _remember_torn(self, base: int, data: Data) -> None:
        """A record that ends behind the file may still be finished: a frame found inside may be part of it."""
        at = self.offset - base
        length = self.length(bytes(data[at : at + HEADER_BYTES])) if at >= 0 else None
        if self.torn is None and length is not None and at + FRAME_BYTES + length > len(data):
            self.torn = (self.offset, self.offset + FRAME_BYTES + length)

    def advance(self, offset: int) -> None:
        """Everything before is understood, or known to be damaged."""
        if offset > self.offset:
            self.offset = self.searched = offset

    def cut(self, size: int) -> None:
        """The file was found to be only so long: what comes after will be new."""
        self.searched = max(self.offset, min(self.searched, size - HEADER_BYTES + 1))

    def lose_track(self) -> None:
        """The record at the offset leads nowhere: search the next frame behind its first byte."""
        self.searched = max(self.searched, self.offset + 1)

    def length(self, header: bytes) -> int | None:
        """The length in a frame header; None if it is cut off or damaged."""
        return self.headers.length(header) if len(header) == HEADER_BYTES else None

    def add_damage(self, first_byte: int, last_byte: int) -> None:
        """These bytes will never be read."""
        is_next = bool(self._damage) and self._damage[-1][1] + 1 == first_byte
        if is_next or len(self._damage) >= _MAX_DAMAGE:
            self._damage[-1] = (self._damage[-1][0], max(last_byte, self._damage[-1][1]))
        else:
            self._damage.append((first_byte, last_byte))

    def settle(self, size: int, header: bytes) -> None:
        """At the end of the file: tell damage from a record being written; `header` lies at the offset."""
        self._open_damage = None
        rest = size - self.offset
        length = self.length(header)
        is_torn = rest < HEADER_BYTES or (
            length is not None and length <= _MAX_PROTOBUF_BYTES and length + FRAME_BYTES > rest
        )
        if not is_torn:
            self.give_up(size)

    def give_up(self, size: int) -> None:
        """The rest of the file cannot be read for now."""
        if size > self.offset:
            self._open_damage = (self.offset, size - 1)

    def damage(self) -> list[tuple[int, int]]:
        """First and last byte of what cannot be read, in the order of the file."""
        return sorted(self._damage) + ([self._open_damage] if self._open_damage else [])


def _joined(pieces: list[Places]) -> Places:
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)
