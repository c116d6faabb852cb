"""The documentation says what the code does."""

import json
import re
import shlex
from pathlib import Path
from string import Formatter

import click
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from app.components.error_box import as_markdown
from backend.cli.main import app as command_line
from backend.errors import StudioError
from backend.services.config_service import ConfigService
from backend.services.error_catalogue import ErrorCatalogue, entry_of
from config.yaml_files import parse_yaml
from scripts.make_reference import FOLDER, error_classes, pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def blocks(language: str) -> list[tuple[str, str]]:
    """Every code block of a language, with the page it is on."""
    found = []
    for page in PAGES:
        matches = BLOCK.finditer(page.read_text(encoding="utf-8"))
        found += [(str(page.relative_to(ROOT)), m[2]) for m in matches if m[1].split()[:1] == [language]]
    return found


@pytest.mark.parametrize("name", sorted(pages()))
def test_reference_pages_are_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run: .venv/bin/python scripts/make_reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def commands() -> list[tuple[str, str]]:
    """Each peft-studio line of the bash blocks."""
    lines = [(page, line) for page, text in blocks("bash") for line in text.splitlines()]
    return [(page, line.partition("#")[0].strip()) for page, line in lines if line.startswith("peft-studio ")]


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize(("page", "line"), commands())
def test_documented_commands_parse(page: str, line: str) -> None:
    """Every word is taken by the parser; nothing is executed."""
    command: click.Command = typer.main.get_command(command_line)
    words = shlex.split(line)[1:]
    context = click.Context(command, info_name="peft-studio", resilient_parsing=False)
    while isinstance(command, click.Group):
        name = words.pop(0)
        below = command.get_command(context, name)
        assert below is not None, f"{page}: {line}: there is no command {name}"
        command, context = below, click.Context(below, info_name=name, parent=context)
    command.make_parser(context).parse_args(list(words))


@pytest.mark.parametrize(("page", "line"), [(p, line) for p, text in blocks("bash") for line in text.splitlines()])
def test_documented_scripts_exist(page: str, line: str) -> None:
    word = (line.split(maxsplit=1) or [""])[0]
    if word.startswith("./"):
        assert (ROOT / word).is_file(), f"{page}: {line}"


def test_documented_orders_are_valid() -> None:
    orders = [text for _, text in blocks("yaml")]
    assert orders
    for text in orders:
        assert ConfigService().problems(parse_yaml(text)) == ()


def test_documented_python_compiles() -> None:
    for page, text in blocks("python"):
        compile(text, page, "exec")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_error_ids_are_unique_and_sayable() -> None:
    ids = [error.id for error in error_classes()]
    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)
    assert [i for i in ids if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", i)] == []


def test_every_error_says_what_why_and_how_to_fix() -> None:
    """Feature: peft-studio-fix, Property 5: each error says what happened, why, and what to do."""
    for error in error_classes():
        explained = error().explain()
        assert explained.what
        assert explained.why
        assert explained.fix
        assert explained.at


UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*[\[\]<>`$|#*]")
FOREIGN = st.text(max_size=40) | st.sampled_from(
    ["![x](http://a/b.png)", "<script>", "**bold**", "`code`", ":red[x]", "$x$", "a | b", "# h", "\u202e", "{what}"]
)


def _names(kind: type[StudioError]) -> list[str]:
    texts = (kind.what, kind.why, kind.fix)
    return [name for text in texts for _, name, _, _ in Formatter().parse(text) if name]


@given(st.data())
def test_every_error_formats_with_any_data_and_is_shown_as_text(data: st.DataObject) -> None:
    """Feature: peft-studio-fix, Property 5, over all kinds and arbitrary messages, markup included."""
    kind = data.draw(st.sampled_from(error_classes()))
    given_data = {name.partition(".")[0]: data.draw(FOREIGN) for name in _names(kind)}
    explained = kind(**given_data).explain()
    assert explained.what.strip() or not kind.what.strip("{}")
    for text, told in ((kind.what, explained.what), (kind.why, explained.why), (kind.fix, explained.fix)):
        for name in [name for _, name, spec, _ in Formatter().parse(text) if name and not spec]:
            assert given_data.get(name, "") in told
    what, *middle, reference = as_markdown(explained, "ab12").split("\n\n")
    assert (what[:2], what[-2:]) == ("**", "**")
    assert [part for part in (what[2:-2], *middle) if UNESCAPED.search(part)] == []
    assert reference.startswith(":small[")
    assert not UNESCAPED.search(reference.removeprefix(":small[").removesuffix("]"))
    assert explained.at.replace("-", "\\-").replace(":", "\\:").replace("+", "\\+") in reference


def test_every_kind_of_error_is_in_the_catalogue_that_the_dashboard_reads() -> None:
    shipped = {entry.id: entry for entry in ErrorCatalogue().all()}
    assert [kind.id for kind in error_classes() if shipped.get(kind.id) != entry_of(kind)] == []
    assert all(entry.what and entry.why and entry.fix for entry in shipped.values())
    families = {entry.family for entry in shipped.values()} - {""}
    assert families <= shipped.keys()


def test_every_error_has_its_place_in_troubleshooting() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    anchors = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert anchors == [kind.id for kind in error_classes()]
    catalogue = json.loads((ROOT / "config" / "errors.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in catalogue] == anchors
