"""Installing a plugin of tests/plugins without pip or network: its package and a real .dist-info on a path."""

import tomllib
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
EXAMPLE, BROKEN = "example_plugin", "broken_plugin"


def install(name: str, site: Path) -> Path:
    """Make the plugin importable and listed for whoever has `site` on its path; returns `site`."""
    source = PLUGINS / name
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = project["name"].replace("-", "_")
    site.mkdir(parents=True, exist_ok=True)
    (site / package).symlink_to(source / package, target_is_directory=True)
    info = site / f"{package}-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(_ini(project["entry-points"]), encoding="utf-8")
    return site


def _ini(groups: dict[str, dict[str, str]]) -> str:
    sections = (
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in groups.items()
    )
    return "\n\n".join(sections) + "\n"
