"""The systemd user unit that looks after runs at boot, as text (systemd.service(5), systemd.exec(5)). Pure."""

from collections.abc import Mapping, Sequence

UNIT_NAME = "peft-studio.service"

# KillMode=process: stopping the unit ends the one who looks, never supervisors and trainers that it started.
# OOMPolicy=continue: a trainer that the kernel killed for want of memory is its supervisor's business.
_TEXT = """\
# Written by `peft-studio service install`; `peft-studio service uninstall` removes it.
[Unit]
Description=PEFT Studio: looks after runs
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
WorkingDirectory=/
{environment}
KillMode=process
OOMPolicy=continue
Restart=on-failure
RestartSec=10

[Install]
WantedBy=default.target
"""


def unit_text(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The unit. Raises ValueError for a word that no line of a unit can hold."""
    lines = [f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(environment.items())]
    # only in commands a dollar sign begins a variable
    words = " ".join(_quoted(word.replace("$", "$$")) for word in command)
    return _TEXT.format(command=words, environment="\n".join(lines))


def _quoted(word: str) -> str:
    """A word in double quotes; a percent sign would begin a specifier."""
    if any(not character.isprintable() for character in word):
        raise ValueError(f"{word!r} holds a character that cannot be written into a unit")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
