"""How fast event files are read: TensorBoard's readers, tbparse, a C decoder and PEFT Studio, on the same files.

Each lap is a fresh process; rounds alternate the order, medians are told with their spread.
Usage: scripts/bench events [--quick] [--rounds N] [--only NAME ...] [--write-docs]; --help tells the rest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.events.c_reader import NoCompiler, compiled
from scripts.benchmarks.events.material import FULL, SMALL, make_material
from scripts.benchmarks.events.races import LABELS, Lap, LapFailed, lap, schedule
from scripts.benchmarks.events.report import page, put_between_marks

PAGE = Path(__file__).resolve().parents[3] / "docs" / "benchmarks.md"


def main(words: Sequence[str]) -> int:
    """Write the files, measure, print the tables; 0 unless one of ours failed."""
    asked = arguments(words)
    output = Path(asked.output)
    output.mkdir(parents=True, exist_ok=True)
    print("Writing the event files ...", file=sys.stderr, flush=True)
    material = make_material(output / "material", SMALL if asked.quick else FULL)
    failed: dict[str, str] = {}
    pythons, library = _tools(asked, output, failed)
    laps = _earlier(output) if asked.go_on else []
    races = list(schedule(asked.rounds, set(asked.only or LABELS) - failed.keys(), is_quick=asked.quick))
    races = [(turn, race) for turn, race in races if race.letter in (asked.cases or "abcdef")]
    for number, (turn, race) in enumerate(races, 1):
        name = f"[{number}/{len(races)}] {race.letter} {race.task} {race.contestant}"
        try:
            found = lap(race, turn, material, pythons, library)
        except LapFailed as error:
            failed[f"{race.contestant} {race.task} {race.letter}"] = str(error)
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            continue
        laps.append(found)
        spent = f"CPU {found.cpu_seconds * 1e3:,.2f} ms, wall {found.wall_seconds * 1e3:,.2f} ms"
        print(f"{name}: {spent}, +{found.grown_bytes / 1e6:,.0f} MB", file=sys.stderr, flush=True)
        raw = {"laps": [one.to_json() for one in laps], "failed": failed}
        (output / "results.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    text = page(laps, failed, material)
    print(f"\n{text}")
    if asked.write_docs:
        put_between_marks(PAGE, text)
    return int(any(name.startswith("ours") for name in failed))


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench events", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="files of a tenth of the size, one round: a smoke test")
    parser.add_argument("--rounds", type=int, help="how often each quick reader runs (default 5; 1 with --quick)")
    parser.add_argument("--only", nargs="+", choices=list(LABELS), help="these contestants only")
    parser.add_argument("--cases", nargs="+", choices=list("abcdef"), help="these files only")
    parser.add_argument("--go-on", action="store_true", help="keep the laps of the last time, and add to them")
    parser.add_argument("--tbparse", default="", metavar="PYTHON", help="Python of an environment with tbparse")
    parser.add_argument("--output", help="a folder for files of 0.8 GB")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args(words)
    asked.rounds = asked.rounds or (1 if asked.quick else 5)
    name = "peft-studio-events-quick" if asked.quick else "peft-studio-events"
    asked.output = asked.output or str(Path(tempfile.gettempdir()) / name)
    return asked


def _tools(asked: argparse.Namespace, output: Path, failed: dict[str, str]) -> tuple[dict[str, str], Path]:
    """The Python of tbparse and the library of the C decoder; who lacks one is out of the race."""
    library = output / "decoder.so"
    try:
        library = compiled(output)
    except NoCompiler as error:
        failed.update(dict.fromkeys(("c", "c-crc"), str(error)))
    python = asked.tbparse or _own_tbparse(output, failed)
    return {"tbparse": python}, library


def _own_tbparse(output: Path, failed: dict[str, str]) -> str:
    """An environment of its own, since tbparse brings pandas and its own TensorBoard."""
    python = output / "tbparse" / "bin" / "python"
    done = None
    if not python.exists():
        for words in (
            [sys.executable, "-m", "venv", str(output / "tbparse")],
            [str(python), "-m", "pip", "install", "-q", "tbparse"],
        ):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                failed["tbparse"] = f"could not be installed: {done.stderr.strip()[-150:]}"
                break
    return str(python)


def _earlier(output: Path) -> list[Lap]:
    path = output / "results.json"
    return [Lap(**row) for row in json.loads(path.read_text(encoding="utf-8"))["laps"]] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
