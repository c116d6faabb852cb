"""Counting the bytes of tensors that are alive, whether they have memory or only pretend to."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backend.domain.memory_forecast import MemoryPart

PARTS = (
    MemoryPart.WEIGHTS,
    MemoryPart.ADAPTER,
    MemoryPart.GRADIENTS,
    MemoryPart.OPTIMIZER,
    MemoryPart.ACTIVATIONS,
    MemoryPart.LOGITS,
)
aten = torch.ops.aten
DEVICE = torch.ops.prim.device.default
IN_PLACE = {  # what torch's own backward does to zeros that it has just made, unless somebody looks on
    ("GatherBackward0", aten.scatter_add.default): aten.scatter_add_.default,
    ("IndexSelectBackward0", aten.index_add.default): aten.index_add_.default,
    ("IndexBackward0", aten.index_put.default): aten.index_put_.default,
}
OUT_OF_PLACE = frozenset(func for _, func in IN_PLACE)
LARGE_BLOCK = 32 * 1024**2  # bytes of a block for which glibc never extends its heap (mallopt(3), M_MMAP_THRESHOLD)
COME_AND_GO = frozenset(PARTS.index(part) for part in (MemoryPart.GRADIENTS, MemoryPart.ACTIVATIONS, MemoryPart.LOGITS))
BETWEEN = ": "  # stage and place
Parts = dict[MemoryPart, int]
Call = Callable[..., Any]
Run = Callable[[Call, tuple[Any, ...], Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes that are alive, by part; `large_bytes` are those of a step's tensors for which no heap is extended."""

    parts: Parts
    large_bytes: int = 0

    @property
    def total(self) -> int:
        """Of all parts."""
        return sum(self.parts.values())


@dataclass(slots=True)
class _Held:
    """One storage: how many bytes it is counted with, and where."""

    bytes: int
    part: int
    alive: Any

    @property
    def large_bytes(self) -> int:
        return self.bytes if self.bytes >= LARGE_BLOCK and self.part in COME_AND_GO else 0


class Tracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A dispatch mode that knows of each storage from its first tensor to its last.

    `part` is what new storages are counted as; those of floats as wide as the vocabulary are logits. `run` is how
    operations are executed. The course of a run falls into segments: of each, the moment with the most is kept.
    """

    def __init__(self, vocabulary: int = 0, run: Run | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.part = MemoryPart.WEIGHTS
        self.num_operations = 0
        self.segments: dict[str, Moment] = {}
        self.vocabulary = vocabulary
        self._run = run or _as_it_is
        self._held: dict[int, _Held] = {}
        self._live = [0] * len(PARTS)
        self._total = self._most = self._large_bytes = 0
        self._best = self._now()
        self._segment = self.stage = "start"

    def __torch_dispatch__(
        self,
        func: Call,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the operation gives
        """One operation: carried out, and what it made counted."""
        if func in OUT_OF_PLACE:
            func = IN_PLACE.get((type(torch._C._current_autograd_node()).__name__, func), func)  # noqa: SLF001
        found = self._run(func, args, kwargs or {})
        if func is DEVICE:  # a question, and asked all the time
            return found
        self.num_operations += 1
        if isinstance(found, torch.Tensor):
            self.add(found)
        elif found is not None:
            for made in tree_leaves(found):
                if isinstance(made, torch.Tensor):
                    self.add(made)
        return found

    @property
    def live(self) -> Parts:
        """Bytes of each part now."""
        return self._now().parts

    def add(self, tensor: torch.Tensor, part: MemoryPart | None = None) -> None:
        """Count a tensor's storage from now on, if it is not counted yet."""
        try:
            storage = tensor.untyped_storage()
        except NotImplementedError:  # a sparse tensor has none
            return
        key, size = id(storage), storage.nbytes()
        held = self._held.get(key)
        if held is None:
            index = PARTS.index(part or self._part_of(tensor))
            gone = weakref.ref(storage, lambda _: self._forget(key))
            self._held[key] = held = _Held(0, index, gone)
        if held.bytes != size:
            self._become(held, size, held.part)

    def move(self, tensor: torch.Tensor, part: MemoryPart) -> None:
        """Count a tensor's storage as something else than it was made as."""
        self.add(tensor, part)
        held = self._held[id(tensor.untyped_storage())]
        self._become(held, held.bytes, PARTS.index(part))

    def adopt(self, tensors: Iterable[torch.Tensor], part: MemoryPart) -> None:
        """Count all of them as that."""
        for tensor in tensors:
            self.move(tensor, part)

    def begin(self, stage: str | None = None, place: str = "") -> None:
        """What comes next is another segment: a stage, or a place in the one that goes on."""
        self._keep()
        self.stage = stage or self.stage
        self._segment = f"{self.stage}{BETWEEN}{place}"
        self._most = -1
        self._look()

    @contextmanager
    def making(self, part: MemoryPart) -> Iterator[None]:
        """What is made inside is counted as this."""
        before, self.part = self.part, part
        try:
            yield
        finally:
            self.part = before

    def reset(self) -> None:
        """Forget the segments; what is alive stays counted."""
        self.segments = {}
        self._most = -1
        self._look()

    def finish(self) -> dict[str, Moment]:
        """For each segment its moment with the most."""
        self._keep()
        return self.segments

    def watch(self, module: nn.Module) -> list[Any]:
        """Count the gradients of what is trained as gradients; handles to end it."""
        trained: list[Any] = [parameter for parameter in module.parameters() if parameter.requires_grad]
        return [parameter.register_post_accumulate_grad_hook(self._is_gradient) for parameter in trained]

    def watch_layer(self, layer: nn.Module, place: str) -> list[Any]:
        """Begin a segment where its forward begins and ends and where its backward begins; handles to end it."""

        def entered(*_: object) -> None:
            self.begin(place=f"into {place}")

        def left(_module: nn.Module, _inputs: object, found: Any) -> None:  # noqa: ANN401 - a tensor, or a tuple of them
            made = found[0] if isinstance(found, tuple) else found
            self.begin(place=f"behind {place}")
            if isinstance(made, torch.Tensor) and made.requires_grad:
                made.register_hook(lambda _: self.begin(place=f"back into {place}"))  # type: ignore[no-untyped-call]

        return [layer.register_forward_pre_hook(entered), layer.register_forward_hook(left)]

    def _is_gradient(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            self.move(parameter.grad, MemoryPart.GRADIENTS)

    def _part_of(self, tensor: torch.Tensor) -> MemoryPart:
        is_wide = tensor.ndim > 1 and tensor.shape[-1] == self.vocabulary and tensor.is_floating_point()
        return MemoryPart.LOGITS if is_wide and self.part is MemoryPart.ACTIVATIONS else self.part

    def _forget(self, key: int) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._become(held, 0, held.part)

    def _become(self, held: _Held, size: int, part: int) -> None:
        grown, before = size - held.bytes, held.large_bytes
        self._live[held.part] -= held.bytes
        self._live[part] += size
        held.bytes, held.part = size, part
        self._large_bytes += held.large_bytes - before
        self._total += grown
        if grown > 0:
            self._look()

    def _look(self) -> None:
        if self._total > self._most:
            self._most = self._total
            self._best = self._now()

    def _now(self) -> Moment:
        return Moment(dict(zip(PARTS, self._live, strict=True)), self._large_bytes)

    def _keep(self) -> None:
        before = self.segments.get(self._segment)
        if before is None or self._best.total > before.total:
            self.segments[self._segment] = self._best


def _as_it_is(func: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
    return func(*args, **kwargs)
