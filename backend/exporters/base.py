"""What every exporter is: a spec that writes the result of a run into a folder, for other programs to load."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from backend.spec import Frozen, Spec

NumberFormat = Literal["auto", "float32", "bfloat16", "float16"]
NO_ADAPTER = "The run trained the model's own weights: its folder model/ is what programs load, nothing is left to do."


class Verified(Frozen):
    """What was looked at after writing: one sentence for people, and the measured figures by name."""

    told: str
    figures: Mapping[str, float] = {}


class Bench(Protocol):
    """What an exporter works with. It lives in a program of its own, in which torch may be imported."""

    @property
    def source(self) -> Path:
        """The run's adapter: configuration, weights, tokenizer, card. It is only read."""

    @property
    def title(self) -> str:
        """What the run is called, as a file can be."""

    def say(self, said: str) -> None:
        """Tell the person who waits how far it is."""

    def need_room(self, num_bytes: int) -> None:
        """Raises ExportNoRoom if the disk has not that many bytes to spare."""

    def clean(self, folder: Path) -> None:
        """Replace folders of this machine in a folder's text files by their last names."""

    def check_adapter(self, folder: Path) -> Verified:
        """Raises ExportDiffers unless peft reads the configuration and the weights are the run's, bit for bit."""

    def merge(self, folder: Path, number_format: NumberFormat) -> Verified:
        """Write base and adapter as one model, load it again, and compare. Raises as the export program."""


class Exporter(Spec):
    """One way to hand on what a run has made. `takes_whole_models`: also for full and freeze fine-tuning."""

    takes_whole_models: ClassVar[bool] = False

    @classmethod
    def refusal(cls, method: Spec, quantization: Spec, *, is_whole: bool) -> str:  # noqa: ARG003 - for those that look
        """Why a run of this method on this quantization cannot be exported so, as a sentence; "" if it can."""
        return NO_ADAPTER if is_whole and not cls.takes_whole_models else ""

    def suggested_name(self) -> str:
        """The folder below exports/ that it takes unless a person says otherwise."""
        return self.spec_name()

    @abstractmethod
    def write(self, bench: Bench, folder: Path) -> Verified:
        """Fill the folder, which is empty and nobody's yet. Whatever it raises leaves nothing behind."""
