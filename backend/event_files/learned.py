"""Learned: what is known of records that were met, shared by all readers of a process.

Many small files mostly hold the same tags. Only bytes that were verified or parsed are kept, and what follows
from them alone, so that it is true of equal bytes in every file.
"""

import threading
from functools import cache

from backend.event_files.headers import Headers
from backend.event_files.layouts import Layout, Layouts
from backend.event_files.templates import Data, Template

_MAX_TEMPLATES = 64
_MAX_TEMPLATE_BYTES = 1024**2  # of one period each; a template takes some times as much
_MAX_ALIKE = 4  # that begin with the same record


class Learned:
    """Headers, layouts and templates; used by several threads at once."""

    def __init__(self) -> None:
        self.headers = Headers()
        self.layouts = Layouts()
        self._templates: dict[Layout, tuple[Template, ...]] = {}  # by the layout of the first record
        self._lock = threading.Lock()

    def template_at(self, first: Layout, data: Data, at: int) -> Template | None:
        """The known template that fits a place where a record of this layout lies."""
        for template in self._templates.get(first, ()):
            if template.is_at(data, at):
                return template
        return None

    def add(self, template: Template) -> None:
        """Know one more; of too many the oldest are forgotten."""
        first = template.layouts[0]
        with self._lock:
            alike = self._templates.pop(first, ())
            self._templates[first] = (template, *alike)[:_MAX_ALIKE]
            while self._num_templates > _MAX_TEMPLATES or self._num_bytes > _MAX_TEMPLATE_BYTES:
                del self._templates[next(iter(self._templates))]

    @property
    def _num_templates(self) -> int:
        return sum(map(len, self._templates.values()))

    @property
    def _num_bytes(self) -> int:
        return sum(one.width for alike in self._templates.values() for one in alike)


class _Process:
    """Holds what all readers share, until it is full."""

    def __init__(self) -> None:
        self.learned = Learned()


@cache
def _process() -> _Process:
    return _Process()


def learned() -> Learned:
    """What is shared from now on: a new beginning once no more layouts are taken, which readers may do on purpose."""
    process = _process()
    if process.learned.layouts.is_full:
        process.learned = Learned()
    return process.learned
