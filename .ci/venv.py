"""Sets up .venv, or compiles constraints.txt. Run by the Makefile; standard library only."""

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
HEADER = "# Compiled from pyproject.toml by `make constraints`; not to be edited by hand.\n"

# pip's settings in uv's words. uv reads none of pip's configuration, so a site that keeps its
# own package mirror would otherwise be passed by.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}


def require_python():
    """Stop in plain words where this interpreter is not one that the packages support."""
    if not (3, 11) <= sys.version_info[:2] < (3, 15):
        sys.exit(
            f"roci needs Python 3.11, 3.12, 3.13 or 3.14, and {sys.executable} is "
            f"{sys.version.split()[0]}. Name another: make PYTHON=/path/to/python3.12"
        )


def succeeds(*command, **options):
    """Return whether the command ran and ended with 0."""
    try:
        return subprocess.run([str(word) for word in command], **options).returncode == 0
    except OSError:
        return False


def create_venv():
    """Leave a .venv of this interpreter's version, keeping the one that is there if it is."""
    is_usable = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if succeeds(VENV_PYTHON, "-c", is_usable, stderr=subprocess.DEVNULL):
        return
    if succeeds(sys.executable, "-m", "venv", "--clear", VENV):
        return
    uv = shutil.which("uv")
    if uv and succeeds(uv, "venv", "-q", "--clear", "--seed", "--python", sys.executable, VENV):
        return
    sys.exit(
        f"{sys.executable} could not create .venv. On Debian and Ubuntu install the package "
        "python3-venv; otherwise name another interpreter: make PYTHON=/path/to/python3.12"
    )


def find_uv():
    """Return a uv to install with: the one on the PATH, else one brought by pip, else None."""
    found = shutil.which("uv") or shutil.which("uv", path=str(VENV / "bin"))
    if found:
        return found
    brought = succeeds(VENV_PYTHON, "-m", "pip", "install", "-q", "-c", CONSTRAINTS, "uv")
    return str(VENV / "bin" / "uv") if brought else None


def pip_settings():
    """Return pip's own configuration by option name; an environment variable goes first."""
    command = [str(VENV_PYTHON), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
    found = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    settings = {}
    for section in ("global.", "install.", ":env:."):
        for name, value in found.items():
            if name.startswith(section):
                settings[name[len(section) :]] = ast.literal_eval(value)
    return settings


def uv_environment():
    """Return the environment for uv, with pip's mirrors in it unless uv has its own settings."""
    environment = dict(os.environ)
    for name, value in pip_settings().items():
        if name in UV_NAMES:
            separator = "," if name == "find-links" else " "
            environment.setdefault(UV_NAMES[name], separator.join(str(value).split()))
    # pip looks for a version in every index it knows; with this uv does too.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return environment


def install_packages():
    """Install roci, editable, with its development tools at the pinned versions."""
    what = ["-c", CONSTRAINTS, "-e", f"{ROOT}[dev]"]
    uv = find_uv()
    with_uv = [uv, "pip", "install", "-q", "--python", VENV_PYTHON, "-b", CONSTRAINTS, *what]
    if uv and succeeds(*with_uv, env=uv_environment()):
        return
    print("uv is not to be had or could not install; trying pip, which takes a minute.")
    if not succeeds(VENV_PYTHON, "-m", "pip", "install", "-q", "--no-compile", *what):
        sys.exit(
            "The packages could not be installed; the lines above say why. roci needs a package "
            "index that pip can reach: `.venv/bin/pip config list` shows which one it asks."
        )


def compile_bytecode():
    """Leave bytecode beside every installed module, so that no later start compiles it."""
    # Some packages ship templates that are not Python; that they fail to compile is no fault.
    command = [VENV_PYTHON, "-m", "compileall", "-qq", "-j", "0", VENV / "lib"]
    succeeds(*command, stdout=subprocess.DEVNULL)


def install():
    """Leave .venv ready to use."""
    start = time.monotonic()
    print("Setting up .venv ...", flush=True)
    create_venv()
    install_packages()
    installed = time.monotonic()
    compile_bytecode()
    done = time.monotonic()
    print(
        f".venv is ready: installed in {installed - start:.0f} s, "
        f"compiled in {done - installed:.0f} s."
    )


def compile_constraints(arguments):
    """Write constraints.txt for every supported Python; pins that still fit are kept."""
    create_venv()
    uv = find_uv()
    if not uv:
        sys.exit("constraints.txt needs uv to compile it: pip could not bring it.")
    command = [uv, "pip", "compile", "-q", "pyproject.toml", "--extra", "dev", "--extra", "build"]
    command += ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["-o", str(CONSTRAINTS), *arguments]
    if not succeeds(*command, cwd=str(ROOT), env=uv_environment(), stdout=subprocess.DEVNULL):
        sys.exit("uv could not compile constraints.txt; the lines above say why.")
    pins = CONSTRAINTS.read_text()
    if "://" in pins or " @ " in pins:
        sys.exit("constraints.txt names an address; it must hold names and versions only.")
    CONSTRAINTS.write_text(HEADER + pins)


if __name__ == "__main__":
    require_python()
    if sys.argv[1] == "constraints":
        compile_constraints(sys.argv[2:])
    else:
        install()
