# Sourced by run and test: a virtual environment of the project's own in .venv, with what the lock names.
#   setup EXTRAS    EXTRAS is '' or something like '[dev]'
# Does nothing when the environment is as it should be.

setup() {
    stamp=".venv/.installed-$(printf '%s' "$1" | tr -cd 'a-z')"
    state=$(cat pyproject.toml .ci/requirements.lock | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then
        return
    fi
    python=$(find_python)
    echo "Setting up .venv ($($python --version)) ..." >&2
    if [ ! -x .venv/bin/python ]; then
        # Debian keeps venv's pip in a package of its own; pip can also install into an environment from outside.
        "$python" -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; "$python" -m venv --without-pip .venv; }
    fi
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        pip=".venv/bin/python -m pip"
    else
        pip="$python -m pip --python .venv/bin/python"
    fi
    $pip install --quiet --disable-pip-version-check --constraint .ci/requirements.lock --editable ".$1"
    printf '%s' "$state" >"$stamp"
}

find_python() {
    for name in python3.11 python3 python3.14 python3.13 python3.12 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or newer is needed, and no python3 here is." >&2
    exit 1
}
