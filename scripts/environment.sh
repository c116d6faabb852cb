# Makes the virtual environment from constraints.txt, once per change of the pins. Sourced, not run.
# Usage: . scripts/environment.sh; make_environment [--group dev]

fail() { printf '%s\n' "$*" >&2; exit 1; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$candidate"; return; }
    done
    fail "Python 3.11 or newer was not found. Install it from python.org or your package manager, or set PYTHON=/path/to/python3."
}

make_environment() {
    local wanted stamp python
    wanted="$(cat pyproject.toml constraints.txt | cksum) $*"
    stamp=.venv/.made-from
    # a larger environment (with the dev group) also serves who asks for the smaller one
    if [ -f "$stamp" ] && { [ "$(cat "$stamp")" = "$wanted" ] || [ "$(cat "$stamp")" = "$wanted--group dev" ]; }; then
        return
    fi
    python="$(find_python)"
    printf 'Making the environment in .venv (several minutes the first time) ...\n' >&2
    rm -f "$stamp"
    if ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
        "$python" -m venv --clear .venv || fail "The environment could not be made. On Debian and Ubuntu: apt install python3-venv"
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' >&2 \
        || fail "pip could not be upgraded. Look at the lines above; running the command again continues."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . "$@" >&2 \
        || fail "Installing failed. Look at the lines above; running the command again continues."
    printf '%s' "$wanted" > "$stamp"
}
