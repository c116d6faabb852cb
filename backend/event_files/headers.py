"""Frame headers of TFRecords: `u64 length | u32 masked_crc(length bytes)`, little endian."""

from functools import lru_cache

from backend.event_files.crc import masked_crc

HEADER_BYTES = 12
FOOTER_BYTES = 4
FRAME_BYTES = HEADER_BYTES + FOOTER_BYTES

_MAX_KNOWN = 4_096


class Headers:
    """Frame headers that were verified before: most records of a file have one of a few lengths."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}

    def length(self, header: bytes) -> int | None:
        """The length in a header of 12 bytes, or None if its CRC is wrong."""
        length = self.known.get(header)
        if length is None:
            claimed = int.from_bytes(header[:8], "little")
            if header_of(claimed) == header:
                length = claimed
                if len(self.known) >= _MAX_KNOWN:
                    self.known.clear()
                self.known[header] = length
        return length


@lru_cache(_MAX_KNOWN)
def header_of(length: int) -> bytes:
    """The header of a record of this length."""
    number = length.to_bytes(8, "little")
    return number + masked_crc(number).to_bytes(4, "little")
