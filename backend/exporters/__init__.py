"""Ways to hand on what a run has made; a new one is one file and one name in this union."""

from typing import Annotated

from pydantic import Field

from backend.exporters.adapter import AdapterZip
from backend.exporters.base import Bench, Exporter, NumberFormat, Verified
from backend.exporters.merged import Merged
from backend.plugins.joining import Joined
from backend.plugins.kinds import PluginKind

AnyExporter = Annotated[Merged | AdapterZip, Field(discriminator="name"), Joined(PluginKind.EXPORTERS)]

__all__ = ["AdapterZip", "AnyExporter", "Bench", "Exporter", "Merged", "NumberFormat", "Verified"]
