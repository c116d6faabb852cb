"""Removes what tools and builds leave in a checkout, and nothing else: what git tracks is never touched.

Usage: scripts/clean [--dry-run] [--environment]. A second run finds nothing. What people wrote, such as .env,
studio.toml, runs and new files, stays even where git ignores it.
"""

import argparse
import fnmatch
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

CACHES = (
    "__pycache__",
    ".hypothesis",
    ".pytest_cache",
    ".mypy_cache",
    ".mypy_worker.*",
    ".ruff_cache",
    ".import_linter_cache",
    ".coverage",
    ".coverage.*",
    "coverage",
    "coverage.xml",
    "htmlcov",
)
BUILDS = ("build", "dist", "release", "out", "*.egg-info")
REPORTS = ("*_COMPLETE.md", "*_STATUS.md", "*_SUMMARY.md")
ENVIRONMENTS = (".venv", ".venv-fuzz")


def leftovers(root: Path, tracked: Collection[str], patterns: Sequence[str]) -> list[Path]:
    """What matches a pattern by its name, outermost first; never what git tracks or a folder with such a file in it.

    `tracked` are paths relative to `root`, with slashes. Links count by their own name and are not followed;
    environments are looked into only if they are to go, and .git never.
    """
    kept = {parent for name in tracked for parent in (PurePosixPath(name), *PurePosixPath(name).parents)}
    found: list[Path] = []
    waiting = [root]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            name = PurePosixPath(path.relative_to(root).as_posix())
            is_folder = path.is_dir() and not path.is_symlink()
            if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns) and name not in kept:
                found.append(path)
            elif is_folder and path.name not in (".git", *ENVIRONMENTS):
                waiting.append(path)
    return found


def clean(found: Sequence[Path]) -> None:
    """Remove them, folders with all that is in them."""
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def main() -> int:
    """Say what goes, and let it go."""
    parser = argparse.ArgumentParser(prog="scripts/clean", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--environment", action="store_true", help="the virtual environments, too")
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    command = ("git", "ls-files", "-z")
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    patterns = (*CACHES, *BUILDS, *REPORTS, *(ENVIRONMENTS if options.environment else ()))
    found = leftovers(root, [name for name in listed.stdout.split("\0") if name], patterns)
    for path in found:
        print(path.relative_to(root))
    if not options.dry_run:
        clean(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
