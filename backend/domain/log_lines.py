"""How a line of the log looks: text for people, or one JSON object for programs; secrets are taken out of both."""

import json
import logging
from datetime import UTC, datetime

from backend.domain.redaction import redact

FIELDS = "fields"  # logging's `extra` under which a record carries data: log.warning("...", extra={FIELDS: {...}})


class TextLines(logging.Formatter):
    """Time, level, where, message, fields; then the trace, if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the lines of a trace."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of Formatter
        """The line itself."""
        fields = getattr(record, FIELDS, None)
        told = f" {json.dumps(_safe(fields), ensure_ascii=False)}" if fields else ""
        return super().formatMessage(record) + told

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - of Formatter
        """UTC, as everywhere in the studio's files."""
        return _time(record)


class JsonLines(logging.Formatter):
    """One object per record: time, level, logger, message, its fields, and the trace as a text."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        told: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= getattr(record, FIELDS, {})
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps({name: _safe(value) for name, value in told.items()}, ensure_ascii=False, default=str)


def formatter(log_format: str, prefix: str = "") -> logging.Formatter:
    """The formatter of a setting: "json", or "text" for anything else. `prefix` names the program in text lines."""
    if log_format == "json":
        return JsonLines()
    return TextLines(f"%(asctime)s %(levelname)-7s {prefix}%(name)s: %(message)s")


def _safe(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _safe(inner) for name, inner in value.items()}
    return value if value is None or isinstance(value, bool | int | float) else redact(str(value))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
