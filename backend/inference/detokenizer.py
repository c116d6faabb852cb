"""Detokenizer: token ids, one at a time, to text of whole characters."""

from collections.abc import Callable

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Gives out text once its last character is complete; all pieces together are the decoded whole.

    A character may need several tokens, and a token's text may depend on the one before it (a leading
    space), so each piece is the difference between two decodings that begin at the same earlier token.
    Limit: where a tokenizer falls back to bytes (SentencePiece), a run of bytes that is no UTF-8 as a whole
    is decoded to replacement characters only, while its valid beginning has already been given out here.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._begin = 0
        self._shown = 0

    def push(self, token_id: int) -> str:
        """The text that this token completes, often ""."""
        self._ids.append(token_id)
        text, before = self._window()
        if len(text) <= len(before) or text.endswith(REPLACEMENT):
            return ""
        self._begin, self._shown = self._shown, len(self._ids)
        return text[len(before) :]

    def flush(self) -> str:
        """What is left at the end: usually "", else an incomplete character as the tokenizer shows it."""
        text, before = self._window()
        self._begin = self._shown = len(self._ids)
        return text[len(before) :]

    def _window(self) -> tuple[str, str]:
        return self._decode(self._ids[self._begin :]), self._decode(self._ids[self._begin : self._shown])
