"""What one attempt really took of its device's memory, written beside its log by the trainer itself."""

from pydantic import Field, ValidationError

from backend.spec import Frozen


class MemoryRecord(Frozen):
    """The most memory that one trainer process held, in bytes.

    `device` is "cpu" (resident memory of the process) or "cuda" (what torch's allocator held of the GPU; then
    `host_peak_bytes` is the resident memory). `baseline_bytes` was held when everything was imported and read but
    no weight of the base model; `imports_bytes` right after the imports. `phases` are the highest in each phase
    (loading, step, evaluating, saving), like `peak_bytes` with the baseline in them. `how` says how they were taken:
    "high-water mark" (exact), "sampled" (at the ends of steps and phases only: a lower bound) or "allocator".
    The largest micro-batch that was really trained had `rows` sequences and `tokens` tokens, padding included.
    `heap` is of what kind the process's was (see `heap.heap_of`), empty in older records.
    `steps` were taken by this attempt. `parameters` are numbers as they are stored: two of four bits count as one.
    """

    schema_version: int = 1
    attempt: int = 1
    device: str = Field(pattern=r"^(cpu|cuda)$")
    device_name: str = ""
    how: str
    imports_bytes: int = Field(ge=0)
    baseline_bytes: int = Field(ge=0)
    peak_bytes: int = Field(ge=0)
    allocated_bytes: int | None = Field(default=None, ge=0)
    host_peak_bytes: int | None = Field(default=None, ge=0)
    phases: dict[str, int]
    rows: int = Field(ge=0)
    tokens: int = Field(ge=0)
    steps: int = Field(ge=0)
    processes: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    model_type: str = ""
    precision: str = ""
    parameters: int = Field(default=0, ge=0)
    trained_parameters: int = Field(default=0, ge=0)
    versions: dict[str, str] = Field(default_factory=dict)
    heap: str = ""

    @property
    def measured_bytes(self) -> int:
        """What the run itself took: the peak above what was held before the base model was loaded."""
        return max(0, self.peak_bytes - self.baseline_bytes)

    @property
    def is_whole(self) -> bool:
        """Whether loading and at least two steps were measured: the optimizer's state exists from the second on."""
        return self.steps > 1 and self.peak_bytes > self.baseline_bytes and self.how != "sampled"

    @property
    def c_library(self) -> str:
        """Such as "glibc 2.36"; empty in older records, and where it is another one."""
        return f"glibc {self.versions['glibc']}" if "glibc" in self.versions else ""

    @classmethod
    def from_json(cls, text: str) -> "MemoryRecord | None":
        """None for a text that is no such record (torn, empty, foreign)."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
