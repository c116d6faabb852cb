"""Runs: finds the stretches of a file in which the same few frames repeat.

The first look is cheap: are the records of the step that just ended followed by the same records? If such
runs turn out short, more records are walked for a longer period; if there is none, it says so, and the
general path goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.event_files.columns import Columns
from backend.event_files.crc import masked_crc
from backend.event_files.headers import FOOTER_BYTES, FRAME_BYTES, HEADER_BYTES, header_of
from backend.event_files.layouts import Layout
from backend.event_files.learned import Learned
from backend.event_files.rows import Run
from backend.event_files.templates import AnySteps, Data, Template
from backend.event_files.wire import MalformedRecord

_MAX_PERIOD = 1_024  # records
_MAX_PERIOD_BYTES = 256 * 1024
_FEW_WALKED = 64  # records walked one by one for a first look, over what one period takes
_PERIOD_WALKED = 512  # records looked at for a period of several steps
_PATIENCE = 3  # long looks in vain before there are no more
_SHORT_RUN = 192  # records: below, the general path is faster
_MAX_SHORT_RUNS = 2  # in a row
_MAX_GUESSES = 4  # per walk: building a template costs as much as walking some records


@dataclass(frozen=True, slots=True)
class _Walked:
    """One whole frame that was looked at: where, its layout and its step."""

    at: int
    layout: Layout
    step: int
    record: bytes


class Runs:
    """The runs of one file; templates that were met, also in other files, are tried first."""

    def __init__(self, learned: Learned) -> None:
        self.learned = learned
        self._patience = _PATIENCE
        self.width = 0  # bytes of the last period

    def read(
        self, data: Data, at: int, base: int, columns: Columns, check_from: int, *, is_last: bool
    ) -> tuple[int, int]:
        """Read runs and a few records between them from data[at:] on; `base` is where data lies in the file.

        Returns how far that was, and how many bytes of it lie in runs. Checksums are checked from the byte
        `check_from` of data on, and of records outside of runs. A wrong one ends the reading before it.
        """
        num_short = num_bytes = 0
        template: Template | None = None
        while num_short < _MAX_SHORT_RUNS:
            template, first = self._next(data, at, base, columns, template)
            at = first
            if template is None:
                break
            self.width = template.width
            num = template.num_rows(data, at)
            num_sound = self._add(template, data, at, num, base, columns, check_from)
            at += num_sound * template.width
            num_bytes += num_sound * template.width
            if num_sound < num:
                break
            is_at_end = len(data) - at < template.width
            if is_at_end and not is_last:
                break
            is_short = num * len(template.layouts) < _SHORT_RUN and not is_at_end
            num_short = num_short + 1 if is_short else 0
            if num_short == _MAX_SHORT_RUNS and self._find_period(data, at):
                num_short = 0
        return at, num_bytes

    def num_sound_bytes(self, data: Data, enough: int) -> int:
        """How many bytes, from a frame on, hold whole frames with right checksums; not many more than enough."""
        at = 0
        while at < enough and (frame := self._frame(data, at)) is not None:
            template = self._known_at(data, at, frame.record)
            if template is None:
                at += FRAME_BYTES + len(frame.record)
                continue
            num = template.num_rows(data, at)
            num_sound = template.num_sound(data, at, num)
            at += num_sound * template.width
            if num_sound < num:
                break
        return at

    def _add(
        self, template: Template, data: Data, at: int, num: int, base: int, columns: Columns, check_from: int
    ) -> int:
        """Add some periods, up to the first wrong checksum; returns how many. Steps that do not rise are checked."""
        unchecked = min(num, max(0, check_from - at) // template.width)
        num = unchecked + template.num_sound(data, at + unchecked * template.width, num - unchecked)
        steps, is_rising = _steps(template, data, at, num)
        if unchecked and not is_rising:
            num = template.num_sound(data, at, num)
            steps, is_rising = _steps(template, data, at, num)
        if num:
            columns.add_run(Run(template, at, num, steps, is_rising), data, base)
        return num

    def _next(
        self, data: Data, at: int, base: int, columns: Columns, last: Template | None
    ) -> tuple[Template | None, int]:
        """The next run and where it begins; what lies before is added. Without one, where we gave up."""
        walked: list[_Walked] = []
        num_guesses = group = 0  # the group are the records of the last step
        template = None
        while len(walked) < _FEW_WALKED or (self._patience and len(walked) - group < _MAX_PERIOD):
            record = self._record(data, at)
            template = None if record is None else self._known_at(data, at, record)
            if record is None or template is not None:
                break
            frame = self._sound(data, at, record)
            if frame is None:
                break
            is_new_step = not walked or walked[-1].step != frame.step
            if is_new_step and num_guesses < _MAX_GUESSES:
                num_guesses += 1
                layouts = [one.layout for one in walked[group:]] if walked else last.layouts if last else []
                template = self._template(data, frame, layouts)
            if template is not None:
                break
            if is_new_step or not frame.layout.is_plain:
                group = len(walked) + (not frame.layout.is_plain)
                if len(walked) >= _FEW_WALKED:
                    break
            walked.append(frame)
            at = frame.at + FRAME_BYTES + len(frame.record)
        if len(walked) > _FEW_WALKED:
            self._patience = _PATIENCE if template is not None else self._patience - 1
        for frame in walked:
            columns.add_record(frame.layout, frame.record, base + frame.at + HEADER_BYTES)
        return template, at

    def _frame(self, data: Data, at: int) -> _Walked | None:
        """The whole, sound frame at a place; None if there is none."""
        record = self._record(data, at)
        return None if record is None else self._sound(data, at, record)

    def _record(self, data: Data, at: int) -> bytes | None:
        """The record of the whole frame at a place, not verified; None if there is none."""
        header = bytes(data[at : at + HEADER_BYTES])
        length = self.learned.headers.length(header) if len(header) == HEADER_BYTES else None
        if length is None or at + FRAME_BYTES + length > len(data):
            return None
        return bytes(data[at + HEADER_BYTES : at + HEADER_BYTES + length])

    def _sound(self, data: Data, at: int, record: bytes) -> _Walked | None:
        end = at + HEADER_BYTES + len(record)
        if masked_crc(record) != int.from_bytes(data[end : end + FOOTER_BYTES], "little"):
            return None
        try:
            layout = self.learned.layouts.find(record)
        except MalformedRecord:
            return None
        return _Walked(at, layout, layout.event.step(record), record)

    def _known_at(self, data: Data, at: int, record: bytes) -> Template | None:
        """The known template that fits a place; whoever reads on verifies what it must."""
        layout = self.learned.layouts.met(record)
        return None if layout is None else self.learned.template_at(layout, data, at)

    def _find_period(self, data: Data, at: int) -> bool:
        """Look for a period of several steps; whether there is one, which is tried next."""
        if not self._patience:
            return False
        layouts: list[Layout] = []
        place = at
        while len(layouts) < _PERIOD_WALKED:
            frame = self._frame(data, place)
            if frame is None or not frame.layout.is_plain:
                break
            layouts.append(frame.layout)
            place += FRAME_BYTES + len(frame.record)
        num = period([layout.tags for layout in layouts])
        template = self._made(data, at, layouts[:num]) if num else None
        is_long = template is not None and template.num_rows(data, at) * num >= _SHORT_RUN
        self._patience = _PATIENCE if is_long else self._patience - 1
        return is_long

    def _template(self, data: Data, frame: _Walked, layouts: Sequence[Layout]) -> Template | None:
        if not layouts:
            return None
        start, end = frame.layout.event.step_at
        adapted = [self._with_step_of(layout, end - start) for layout in layouts]
        known = [layout for layout in adapted if layout is not None]
        template = self._made(data, frame.at, known) if len(known) == len(layouts) else None
        if template is not None and known != layouts:
            self.learned.add(_of(layouts))  # another file may begin in the same way
        return template

    def _made(self, data: Data, at: int, layouts: Sequence[Layout]) -> Template | None:
        """The template of some layouts, if such records lie at a place."""
        if sum(len(layout.record) for layout in layouts) > _MAX_PERIOD_BYTES:
            return None
        template = _of(layouts)
        if not template.is_at(data, at):
            return None
        self.learned.add(template)
        return template

    def _with_step_of(self, layout: Layout, num_bytes: int) -> Layout | None:
        start, end = layout.event.step_at
        if end - start == num_bytes:
            return layout
        longer = layout.with_step_of(num_bytes)
        return None if longer is None else self.learned.layouts.known(longer)


def _of(layouts: Sequence[Layout]) -> Template:
    return Template(layouts, [header_of(len(layout.record)) for layout in layouts])


def _steps(template: Template, data: Data, at: int, num: int) -> tuple[AnySteps, bool]:
    """The steps of some periods, and whether those of each tag rise."""
    steps = template.steps(data, at, num)
    return steps, not template.is_woven and bool((steps[:, 1:] > steps[:, :-1]).all())


def period(kinds: Sequence[object]) -> int:
    """The shortest period of a sequence that holds it twice at least; 0 if there is none (Knuth, Morris, Pratt)."""
    borders = [0]
    for index in range(1, len(kinds)):
        border = borders[-1]
        while border and kinds[index] != kinds[border]:
            border = borders[border - 1]
        borders.append(border + (kinds[index] == kinds[border]))
    shortest = len(kinds) - borders[-1] if kinds else 0
    return shortest if 2 * shortest <= len(kinds) else 0
