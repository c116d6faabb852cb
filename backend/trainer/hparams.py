"""What TensorBoard's HParams page lists of a run: the settings that decide what is learned."""

from collections.abc import Iterator

from pydantic import JsonValue

from backend.domain.run_config import RunConfig

Hparam = bool | float | str
SECTIONS = ("recipe", "base_model", "dataset", "method", "quantization", "training", "devices")
FIRST_FIELD = {"name", "path"}  # `method: lora` says as much as `method.name: lora`


def hparams_of(config: RunConfig) -> dict[str, Hparam]:
    """Values by dotted name, as in run.yaml; what is not set (None) is left out, lists are written out."""
    order: dict[str, JsonValue] = config.model_dump(mode="json", include=set(SECTIONS))
    return dict(_flat("", order)) | {"effective_batch_size": float(config.effective_batch_size)}


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, Hparam]]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _flat(name if key in FIRST_FIELD and name else f"{name}.{key}".lstrip("."), part)
        case list():
            yield name, ", ".join(map(str, value))
        case bool() | str():
            yield name, value
        case int() | float():
            yield name, float(value)
