"""What is known of base models and adapters from small files and headers; nothing of them is run. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from pathlib import Path

NOT_STATED = "not stated"
PACKED_SHARE = 0.01  # of the stored numbers: indices and masks are whole numbers, too
_FORMATS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8",
    "F8_E5M2": "float8",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "BOOL": "bool",
}
_WHOLE = frozenset({"I8", "U8", "I16", "U16", "I32", "U32"})
_IN_BLOCK = re.compile(r"\.\d+\.")
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")


class Home(StrEnum):
    """Where a model lies."""

    WORKSPACE = "workspace"
    HUB = "hub cache"
    FOLDER = "registered folder"
    CATALOGUE = "catalogue"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a weight file's header."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """What headers say. `num_parameters` is exact, or None where not all could be read or numbers are packed.

    `layers` are the matrices inside the repeated blocks, which methods go on: their last name and how many there are.
    Of the files, `num_files` were read and `num_missing` are not there or not whole.
    """

    num_parameters: int | None = None
    number_format: str = ""
    layers: tuple[tuple[str, int], ...] = ()
    is_packed: bool = False
    num_files: int = 0
    num_missing: int = 0

    @property
    def are_whole(self) -> bool:
        """Whether there are weights, and all of them."""
        return self.num_files > 0 and not self.num_missing


@dataclass(frozen=True, slots=True)
class Texts:
    """The small files of a folder, each None where it is missing or was not read."""

    config: Mapping[str, object] | None = None
    tokenizer: Mapping[str, object] | None = None
    adapter: Mapping[str, object] | None = None
    readme: str | None = None
    licence_file: str | None = None
    has_template_file: bool = False


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A base model in a folder. Numbers are None and texts empty where nothing says them."""

    architecture: str = ""
    weights: Weights = Weights()
    size_bytes: int = 0
    context_length: int | None = None
    vocabulary_size: int | None = None
    licence: str = NOT_STATED
    has_chat_template: bool = False
    has_code: bool = False
    quantized_by: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """An adapter in a folder. `dataset_fingerprint` is told by the cards that the studio writes."""

    method: str = ""
    rank: int | None = None
    base_model: str = ""
    weights: Weights = Weights()
    size_bytes: int = 0
    targets: str = ""
    dataset_fingerprint: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a folder holds: a model, an adapter, or neither."""

    path: Path
    model: ModelFacts | None = None
    adapter: AdapterFacts | None = None


def weights_of(tensors: Mapping[str, Tensor], num_files: int = 1, num_missing: int = 0) -> Weights:
    """Count what the headers list; each name once, as they are stored. Half a count would be a wrong one."""
    if not tensors or num_missing:
        return Weights(num_files=num_files, num_missing=num_missing)
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        sizes[tensor.dtype] += prod(tensor.shape)
    total = sum(sizes.values())
    is_packed = sum(size for dtype, size in sizes.items() if dtype in _WHOLE) > PACKED_SHARE * total
    formats = dict.fromkeys(_FORMATS.get(dtype, dtype.lower()[:20]) for dtype, _ in sizes.most_common())
    return Weights(None if is_packed else total, ", ".join(formats), _layers(tensors), is_packed, num_files)


def _layers(tensors: Mapping[str, Tensor]) -> tuple[tuple[str, int], ...]:
    matrices = (name for name, tensor in tensors.items() if len(tensor.shape) == 2)  # noqa: PLR2004 - a matrix
    names = (name.removesuffix(".weight") for name in matrices if name.endswith(".weight") and _IN_BLOCK.search(name))
    found = Counter(name.rpartition(".")[2] for name in names)
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def model_facts(texts: Texts, weights: Weights, size_bytes: int, problems: Iterable[str]) -> ModelFacts:
    """The facts of a base model; a multimodal one has its language model's numbers one level below."""
    config = texts.config or {}
    below = config.get("text_config")
    language = below if isinstance(below, Mapping) else {}
    names = config.get("architectures")
    architecture = names[0] if isinstance(names, list) and names else config.get("model_type", "")
    quantization = config.get("quantization_config")
    return ModelFacts(
        architecture=str(architecture)[:80],
        weights=weights,
        size_bytes=size_bytes,
        context_length=_first_number(_CONTEXT_KEYS, config, language),
        vocabulary_size=_first_number(("vocab_size",), config, language),
        licence=licence_of(texts),
        has_chat_template=texts.has_template_file or bool((texts.tokenizer or {}).get("chat_template")),
        has_code=has_auto_map(config) or has_auto_map(texts.tokenizer or {}),
        quantized_by=str(quantization.get("quant_method", ""))[:40] if isinstance(quantization, Mapping) else "",
        problems=tuple(problems),
    )


def adapter_facts(texts: Texts, weights: Weights, size_bytes: int, problems: Iterable[str]) -> AdapterFacts:
    """The facts of an adapter, as peft's adapter_config.json and its card say them."""
    config = texts.adapter or {}
    targets = config.get("target_modules")
    named = ", ".join(sorted(map(str, targets))) if isinstance(targets, list) else str(targets or "")
    return AdapterFacts(
        method=str(config.get("peft_type", ""))[:40].lower(),
        rank=_first_number(("r", "rank", "num_virtual_tokens"), config),
        base_model=str(config.get("base_model_name_or_path") or "")[:1000],
        weights=weights,
        size_bytes=size_bytes,
        targets=named[:400],
        dataset_fingerprint=_fingerprint(texts.readme or ""),
        problems=tuple(problems),
    )


def licence_of(texts: Texts) -> str:
    """As the README's front matter says, else the first line of the licence file, else that it is not stated."""
    found = _front_matter(texts.readme or "")
    named = found.get("license_name") if found.get("license") in ("other", None) else None
    stated = named or found.get("license")
    if stated:
        return stated
    lines = (line.strip(" #*=-") for line in (texts.licence_file or "").splitlines())
    return next((line[:80] for line in lines if line), NOT_STATED)


def has_auto_map(value: object, depth: int = 8) -> bool:
    """Whether a configuration names code of its own, which nothing here runs."""
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return "auto_map" in value or any(has_auto_map(below, depth - 1) for below in value.values())
    return isinstance(value, list) and any(has_auto_map(below, depth - 1) for below in value)


def _front_matter(readme: str) -> dict[str, str]:
    """Its top-level texts; anything nested is left out."""
    lines = readme.lstrip("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    found: dict[str, str] = {}
    for line in lines[1:]:
        if line.strip() == "---":
            return found
        key, colon, value = line.partition(":")
        value = value.strip().strip("'\"")
        if colon and value and re.fullmatch(r"\w+", key):
            found[key] = value[:80]
    return {}


def _fingerprint(readme: str) -> str:
    found = re.search(r"^\| Dataset fingerprint \| ([0-9a-zA-Z:_-]{1,128}) \|$", readme, re.MULTILINE)
    return found[1] if found else ""


def _first_number(keys: Iterable[str], *places: Mapping[str, object]) -> int | None:
    found = (place.get(key) for key in keys for place in places)
    return next((value for value in found if type(value) is int and 0 < value < 2**53), None)
