"""Adapter: the adapter's folder as one zip file, without anything that belongs to this machine."""

import shutil
import zipfile
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backend.exporters.base import Bench, Exporter, Verified
from backend.spec import Card, because

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md")
WEIGHTS_ENDING = ".safetensors"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: equal files give an equal zip


class AdapterZip(Exporter):
    """What `peft.PeftModel.from_pretrained` takes, once it is unpacked beside the base model."""

    card: ClassVar[Card] = Card(
        title="Adapter as a zip",
        summary="The adapter with its card and tokenizer in one file; peft loads it elsewhere.",
        use_when="The other side has the base model: megabytes instead of gigabytes.",
    )
    name: Literal["adapter"] = "adapter"
    tokenizer: bool = Field(
        default=True,
        title="With the tokenizer",
        description="Take the tokenizer and its chat template along.",
        json_schema_extra=because("The adapter learned rows that were written with this template."),
    )

    def write(self, bench: Bench, folder: Path) -> Verified:
        """Copy, clean, pack, unpack again, compare."""
        files = [path for path in sorted(bench.source.iterdir()) if path.is_file()]
        taken = [path for path in files if self.tokenizer or path.name in ADAPTER_FILES]
        bench.need_room(3 * sum(path.stat().st_size for path in taken))  # the copy, the zip, what is unpacked again
        bench.say("Copying the adapter")
        place = folder / f".{bench.title}"
        place.mkdir()
        for path in taken:
            shutil.copyfile(path, place / path.name)
        bench.clean(place)
        target = folder / f"{bench.title}.zip"
        bench.say("Packing")
        pack(place, target, bench.title)
        shutil.rmtree(place)
        try:
            bench.say("Unpacking it again to compare")
            with zipfile.ZipFile(target) as packed:
                packed.extractall(place)
            return bench.check_adapter(place / bench.title)
        finally:
            shutil.rmtree(place, ignore_errors=True)


def pack(folder: Path, target: Path, inside: str) -> None:
    """A folder's files as a zip, below the name `inside`; weights do not get smaller and are stored as they are."""
    with zipfile.ZipFile(target, "x") as packed:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(f"{inside}/{path.name}", _FIRST_DAY)
            entry.external_attr = 0o644 << 16
            is_weights = path.suffix == WEIGHTS_ENDING
            entry.compress_type = zipfile.ZIP_STORED if is_weights else zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size  # decides whether the entry needs the large format
            with path.open("rb") as source, packed.open(entry, "w") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
