"""Hyperparameters: what TensorBoard's hparams plugin keeps in the metadata of three tags.

Source: tensorboard `plugins/hparams/plugin_data.proto` and `api.proto`, protobuf `struct.proto`.
"""

from types import MappingProxyType

from backend.domain.curve_records import Experiment, Hparam, HparamInfo, Hparams, MetricInfo, SessionEnd, SessionStart
from backend.event_files.messages import Message
from backend.event_files.wire import MalformedRecord

MAX_ENTRIES = 10_000
MAX_BYTES = 1024**2

_METADATA, _PLUGIN_DATA, _CONTENT = 9, 1, 2
_EXPERIMENT, _START, _END = 2, 3, 4
_STATUSES = ("unknown", "success", "failure", "running")
_KINDS = ("unknown", "string", "bool", "number")


def hparams(value: Message) -> Hparams:
    """The content of a Summary.Value's metadata. Raises MalformedRecord."""
    content = _content(value)
    if experiment := content.last(_EXPERIMENT):
        return _experiment(experiment)
    if start := content.last(_START):
        return _session_start(start)
    if end := content.last(_END):
        return SessionEnd(_named(_STATUSES, end.integer(1)), end.double(2) or 0.0)
    raise MalformedRecord("no hyperparameters")


def _content(value: Message) -> Message:
    found: Message | None = value
    for number in (_METADATA, _PLUGIN_DATA, _CONTENT):
        found = found.last(number) if found else None
    if found is None or len(found.raw) > MAX_BYTES:
        raise MalformedRecord("no hyperparameters" if found is None else "too many hyperparameters")
    return found


def _experiment(message: Message) -> Experiment:
    return Experiment(
        message.text(6),
        message.text(1),
        message.text(2),
        message.double(3) or 0.0,
        tuple(_hparam_info(one) for one in _some(message, 4)),
        tuple(_metric_info(one) for one in _some(message, 5)),
    )


def _hparam_info(message: Message) -> HparamInfo:
    choices, interval = message.last(5), message.last(6)
    return HparamInfo(
        message.text(1),
        message.text(2),
        message.text(3),
        _named(_KINDS, message.integer(4)),
        tuple(_value(one) for one in _some(choices, 1)) if choices else (),
        (interval.double(1) or 0.0) if interval else None,
        (interval.double(2) or 0.0) if interval else None,
    )


def _metric_info(message: Message) -> MetricInfo:
    name = message.last(1)
    return MetricInfo(name.text(1) if name else "", name.text(2) if name else "", message.text(3), message.text(4))


def _session_start(message: Message) -> SessionStart:
    entries = {}
    for entry in _some(message, 1):
        value = entry.last(2)
        entries[entry.text(1)] = _value(value) if value else None
    return SessionStart(MappingProxyType(entries), message.text(4), message.double(5) or 0.0)


def _value(message: Message) -> Hparam:
    """A number, string or bool of google.protobuf.Value; None for null, lists and structures."""
    number, flag = message.double(2), message.integer(4)
    if number is not None:
        return number
    if message.last(3):
        return message.text(3)
    return None if flag is None else bool(flag)


def _some(message: Message, number: int) -> list[Message]:
    found = message.all(number)
    if len(found) > MAX_ENTRIES:
        raise MalformedRecord("too many hyperparameters")
    return found


def _named(names: tuple[str, ...], number: int | None) -> str:
    return names[number] if number is not None and 0 <= number < len(names) else names[0]
