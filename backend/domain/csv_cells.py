"""Texts as cells of CSV that no spreadsheet executes. Pure."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")  # a quote, too, so that the one put before can be undone


def csv_cell(text: str) -> str:
    """A text as one cell; one that a spreadsheet might take for a formula begins with a single quote."""
    if text.startswith(_FORMULA):
        text = "'" + text
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
