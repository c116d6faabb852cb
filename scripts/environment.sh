# Makes the virtual environment from constraints.txt, once per change of the pins or of the place. Sourced, not run.
# Usage, in the root of the repository: . scripts/environment.sh; make_environment [--group dev]

fail() { printf '%s\n' "$*" >&2; exit 1; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is no Python 3.11 or newer that runs. Correct it, or unset it."
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        if is_new_enough "$candidate"; then printf '%s\n' "$candidate"; return; fi
    done
    fail "Python 3.11 or newer was not found. Install it from python.org or your package manager, or set PYTHON=/path/to/python3."
}

# programs in .venv/bin name the place where they were made: a moved or copied one does not run
is_made_here() { grep -qsF -- "$(pwd -P)/.venv" .venv/pyvenv.cfg && is_new_enough .venv/bin/python; }

make_environment() {
    local wanted stamp python
    wanted="$(cat pyproject.toml constraints.txt | cksum) $*"
    stamp=.venv/.made-from
    # a larger environment (with the dev group) also serves who asks for the smaller one
    if [ -f "$stamp" ] && is_made_here \
        && { [ "$(cat "$stamp")" = "$wanted" ] || [ "$(cat "$stamp")" = "$wanted--group dev" ]; }; then
        return
    fi
    python="$(find_python)"
    printf 'Making the environment in .venv (several minutes the first time) ...\n' >&2
    rm -f "$stamp"
    if ! { is_made_here && .venv/bin/python -c 'import pip' >/dev/null 2>&1; }; then
        "$python" -m venv --clear .venv \
            || fail "The environment could not be made. Look at the lines above. On Debian and Ubuntu: apt install python3-venv"
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' >&2 \
        || fail "pip could not be upgraded. Look at the lines above; running the command again continues."
    PYTHONWARNINGS=ignore .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . "$@" >&2 \
        || fail "Installing failed. Look at the lines above; running the command again continues."
    printf '%s' "$wanted" > "$stamp"
}
