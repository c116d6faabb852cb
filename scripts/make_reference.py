"""Writes docs/reference from the code; run it after changing what it lists."""

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import typer
from pydantic_core import PydanticUndefined

import app
import backend
from backend.cli.main import app as command_line
from backend.data.choice import Columns, DatasetChoice, DatasetPart
from backend.domain.diagnosis import MEMORY_IDS
from backend.domain.guards import Guards
from backend.domain.remedies import REMEDIES
from backend.domain.run_config import BaseModelChoice, RunConfig, Training
from backend.domain.sampling import Samples
from backend.domain.speed import Speed
from backend.domain.states import ENDS, TRANSITIONS
from backend.domain.symptoms import SYMPTOMS
from backend.errors import StudioError
from backend.methods import Method, Targeted
from backend.quantization import Quantization
from backend.recipes import Recipe
from backend.recipes.rewards import REWARDS
from backend.services.error_catalogue import entry_of, is_own, known_kinds
from backend.services.setting_states import keys
from backend.spec import Frozen, Parameter, Spec, members, parameter
from config.setting_fields import effect_of
from config.setting_layers import variable

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- made by scripts/make_reference.py; do not edit -->\n"


MEASURED = FOLDER / "methods-measured.json"
MEASURED_NOTE = """\
What each method really did on tiny random models with peft {peft}: it trained (its loss fell), went on from a
checkpoint with the same bits, and gave the same answers when plain peft loaded the result on the untouched base.
"merges": merged into the full weights it answers the same. Measured again by every run of the tests;
`python -m tests.training.method_table` writes it anew.
""".format(peft=version("peft"))
_COMMON = ("target_modules", "target_pattern", "layers_to_transform")


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of each page by file name."""
    made = {
        "run-config.md": _run_config(),
        "methods.md": _methods(),
        "settings.md": _settings(),
        "states.md": _states(),
        "errors.md": _errors(),
        "diagnoses.md": _diagnoses(),
        "command-line.md": _command_line(),
        "../troubleshooting.md": _troubleshooting(),
    }
    data = {"../../config/errors.json": _error_catalogue()}
    return {name: NOTE + text for name, text in made.items()} | data


def _run_config() -> str:
    parts = ["# run.yaml\n\nEverything a run is told. An unknown key is an error, never ignored.\n"]
    sections: tuple[tuple[str, type[Frozen]], ...] = (
        ("base_model", BaseModelChoice),
        ("dataset", DatasetChoice),
        ("dataset.mix[]", DatasetPart),
        ("dataset.columns", Columns),
        ("training", Training),
        ("speed", Speed),
        ("guards", Guards),
        ("samples", Samples),
    )
    top = [parameter("name", RunConfig.model_fields["name"])]
    parts.append(_table(top))
    for title, model in sections:
        knobs = [parameter(n, f) for n, f in model.model_fields.items() if n != "columns"]
        parts.append(f"## {title}\n\n{_table(knobs)}")
    parts.extend(_specs("recipe", members(Recipe)))
    parts.extend(_specs("quantization", members(Quantization)))
    parts.append("## method\n\nSee [methods](methods.md).\n")
    return "\n".join(parts)


def _methods() -> str:
    head = ["# PEFT methods\n", *_measured(), "", *_common_knobs()]
    return "\n".join([*head, *_specs("method", members(Method), without=_COMMON)])


def _common_knobs() -> Iterator[str]:
    yield "## Where a method goes\n\nMethods that go on linear layers share these settings.\n"
    yield _table([parameter(name, Targeted.model_fields[name]) for name in _COMMON])


def _measured() -> Iterator[str]:
    """The table of what each method did on tiny models, measured by tests/training/method_table.py."""
    yield MEASURED_NOTE
    yield "| method | trained weights (tiny Llama) | Llama | Gemma 3 | Qwen 3 | on nf4 | on int8 | merges |"
    yield "|---|---|---|---|---|---|---|---|"
    remarks = []
    for name, row in json.loads(MEASURED.read_text(encoding="utf-8")).items():
        cells = [_yes(not row[column]) for column in ("llama", "gemma3", "qwen3", "nf4", "int8", "merges")]
        yield f"| `{name}` | {row['trained']:,} | {' | '.join(cells)} |"
        remarks += [f"* `{name}`, {column}: {why}" for column, why in row.items() if isinstance(why, str) and why]
    yield "\nWhere it says no, this was what the libraries said, or what was seen:\n"
    yield from remarks


def _specs(key: str, specs: tuple[type[Spec], ...], without: tuple[str, ...] = ()) -> Iterator[str]:
    for spec in specs:
        card = spec.card
        yield f"## {key}: {spec.spec_name()}\n\n**{card.title}.** {card.summary} {card.use_when}\n"
        facts = [f"paper: {card.paper}"] if card.paper else []
        if card.unavailable:
            yield f"Not available: {card.unavailable}\n"
        if key == "method":
            quantized = ", ".join(card.quantizations) or "no"
            facts = [f"merges: {_yes(card.can_merge)}", f"works on quantized weights: {quantized}", *facts]
        if facts:
            yield "; ".join(facts) + ".\n"
        if card.limits:
            yield f"Limits: {card.limits}\n"
        yield _table([knob for knob in spec.parameters() if knob.name not in without])
        if "rewards" in spec.model_fields:
            yield from _specs("recipe.rewards", REWARDS)


def _table(knobs: tuple[Parameter, ...] | list[Parameter]) -> str:
    if not knobs:
        return "No settings.\n"
    lines = ["| key | default | takes | what it does |", "|---|---|---|---|"]
    lines += [f"| `{k.name}` | {_default(k.default)} | {_takes(k)} | {_cell(k.help)} |" for k in knobs]
    return "\n".join(lines) + "\n"


def _takes(knob: Parameter) -> str:
    if knob.choices:
        return ", ".join(f"`{choice}`" for choice in knob.choices)
    sign = "above" if knob.is_minimum_open else "from"
    low = f" {sign} {knob.minimum}" if knob.minimum is not None else ""
    until = "to below" if knob.is_maximum_open else "to"
    high = f" {until} {knob.maximum}" if knob.maximum is not None else ""
    return ("`all-linear` or " if knob.default == "all-linear" else "") + knob.kind + low + high


def _default(value: object) -> str:
    """As YAML, TOML and JSON write it."""
    if value is PydanticUndefined:
        return "required"
    if value in ("", None) or (isinstance(value, Mapping) and not value):
        return "none"
    if isinstance(value, bool | tuple):
        return f"`{json.dumps(value)}`"
    return f"`{value}`"


def _settings() -> str:
    lines = [
        "# Settings\n",
        "A value comes from the first of: the command line, the environment, `.env` and `studio.toml` in the folder",
        "where a command is started, `studio.toml` in the workspace (which the Settings page writes), the profile",
        "(`dev` or `prod`), the default. In `studio.toml` the name is the variable's without `PEFT_STUDIO_`, in lower",
        "case: `port = 8600`; flags stand below `[flags]`. [How to change settings](../how-to/settings.md).\n",
        "| variable | default | what it does | a change takes effect |",
        "|---|---|---|---|",
    ]
    for key in keys():
        default = "`~/.peft-studio`" if key.name == "workspace" else _default(key.field.default)
        about = f"{_cell(key.field.description or '')} | {effect_of(key.field).value}"
        lines.append(f"| `{variable(key.name)}` | {default} | {about} |")
    return "\n".join(lines) + "\n"


def _states() -> str:
    lines = [
        "# States of a run\n",
        "Only the run's supervisor changes the state (while it has none, the queue may let it wait).",
        "A person changes the wish.\n",
    ]
    lines += ["| state | may become |", "|---|---|"]
    for source, targets in TRANSITIONS.items():
        end = " (an end)" if source in ENDS else ""
        after = ", ".join(f"`{t.value}`" for t in sorted(targets)) or "nothing"
        lines.append(f"| `{source.value}`{end} | {after} |")
    return "\n".join(lines) + "\n"


def _errors() -> str:
    lines = [
        "# Errors\n",
        "Every error of the studio has an id. What each means and how to go on is in",
        "[troubleshooting](../troubleshooting.md); `peft-studio explain ID` and `GET /api/errors/{id}` tell the",
        "same.\n",
        "| id | family | exit code | offered in the dashboard | raised as |",
        "|---|---|---|---|---|",
    ]
    for kind in error_classes():
        entry = entry_of(kind)
        link = f"[`{entry.id}`](../troubleshooting.md#{entry.id})"
        family = f"`{entry.family}`" if entry.family else ""
        where = f"`{kind.__module__}.{kind.__qualname__}`"
        lines.append(f"| {link} | {family} | {entry.exit_code} | {entry.action.replace('-', ' ')} | {where} |")
    return "\n".join(lines) + "\n"


def _troubleshooting() -> str:
    lines = [
        "# Troubleshooting by error id\n",
        "Every error says what happened and why, and how to go on; its id is beside it. Look for the id here, or ask",
        " `peft-studio explain ID`. Words in braces are filled in when it happens.\n",
    ]
    for kind in error_classes():
        entry = entry_of(kind)
        lines += [f"## {entry.id}\n", f"* What: {entry.what}", f"* Why: {entry.why}", f"* How to go on: {entry.fix}\n"]
    return "\n".join(lines)


def _error_catalogue() -> str:
    entries = [asdict(entry_of(kind)) for kind in error_classes()]
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"


def _diagnoses() -> str:
    lines = [
        "# What a failed attempt is diagnosed as\n",
        "The last exception in an attempt's log is compared with the messages of the libraries; exit codes, signals",
        "and the kernel's count of kills for want of memory come first. What is not in the table is quoted as it is.\n",
        "| id | what it means | what to do | tried again unchanged | a change is offered |",
        "|---|---|---|---|---|",
    ]
    offered = frozenset(REMEDIES) | MEMORY_IDS
    for found in sorted(SYMPTOMS, key=lambda found: found.id):
        answers = f"{_yes(found.is_worth_retrying)} | {_yes(found.id in offered)}"
        lines.append(f"| `{found.id}` | {found.reason} | {found.advice} | {answers} |")
    return "\n".join(lines) + "\n"


def error_classes() -> list[type[StudioError]]:
    """Every kind of error with an id of its own, by id."""
    for package in (backend, app):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.startswith(("backend.store.migrations", "app.main")) and "__main__" not in module.name:
                importlib.import_module(module.name)
    return [kind for kind in known_kinds() if is_own(kind)]  # those of a test's doubles are nobody's reference


def _command_line() -> str:
    root = typer.main.get_command(command_line)
    lines = [
        "# The command line\n",
        "`peft-studio` works with the same services as the dashboard. In a clone:",
        "",
    ]
    lines += ["`./scripts/studio COMMAND`, or `.venv/bin/peft-studio COMMAND`.\n", str(root.epilog), ""]
    lines += list(_commands(root, "peft-studio"))
    return "\n".join(lines)


def _commands(command: object, path: str) -> Iterator[str]:
    below = getattr(command, "commands", None)
    yield f"## {path}\n\n{getattr(command, 'help', '')}\n"
    rows = [_option(knob) for knob in getattr(command, "params", []) if knob.name != "help"]
    if rows:
        yield "| word | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"
    for name, inner in (below or {}).items():
        yield from _commands(inner, f"{path} {name}")


def _option(knob: object) -> str:
    metavar = getattr(knob, "metavar", None)
    words = getattr(knob, "opts", [])
    shown = metavar if metavar and not words[0].startswith("-") else ", ".join(words)
    return f"| `{shown}` | {_cell(getattr(knob, 'help', '') or '')} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    main()
