"""The documentation says what the code does."""

import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from backend.cli.main import app as command_line
from backend.services.config_service import ConfigService
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
