"""Make `.venv` ready for this checkout: `python3 bootstrap.py`. Standard library only.

Everything comes from the hash lock in `requirements/`, from whatever index pip is set up to use. The second call does
nothing and takes a blink; a call that was interrupted is made good by the next one. Written for an old Python too, so
that it can look for a newer one or say in words that it needs it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

OLDEST = (3, 11)
CANDIDATES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "alpaca-trader.stamp"
LOCKS = [ROOT / "requirements" / name for name in ("uv.txt", "run.txt", "dev.txt")]
UNFINISHED = "unfinished"


class SetupError(Exception):
    """Set-up cannot go on; the text says why and what to do."""


def fingerprint() -> str:
    """What the installed environment depends on: where it lies, its Python, the locks and the project's metadata."""
    digest = hashlib.sha256(os.fsencode("%s\n%s\n" % (ROOT, os.path.realpath(str(PYTHON)))))
    for path in [*LOCKS, ROOT / "pyproject.toml"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def stamp() -> str:
    """The fingerprint the last finished set-up left, "unfinished" if one was interrupted, or nothing."""
    try:
        return STAMP.read_text(encoding="ascii")
    except OSError:
        return ""


def is_ready() -> bool:
    """Whether `.venv` already holds exactly this lock (an environment whose Python was removed is not ready)."""
    return PYTHON.exists() and stamp() == fingerprint()


def runs(python: str, code: str) -> bool:
    """Whether this Python starts and carries out these lines."""
    try:
        return subprocess.run([python, "-c", code], check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def newer_python() -> str:
    """The full path of a Python on PATH that is new enough; SetupError when there is none."""
    for name in CANDIDATES:
        found = shutil.which(name)
        if found and runs(found, "import sys; sys.exit(sys.version_info < %r)" % (OLDEST,)):
            return found
    raise SetupError(
        "Python %d.%d or newer is needed; this is %s, and none is on PATH as %s.\nInstall one (python.org, your "
        "system's packages) and run this again." % (*OLDEST, sys.version.split()[0], ", ".join(CANDIDATES))
    )


def run(command: "list[str]", env: "dict[str, str] | None" = None) -> str:
    """Run one command quietly and return its output; SetupError with all it said when it fails."""
    done = subprocess.run(
        command, check=False, env=env, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise SetupError("%s\nfailed (exit %d):\n%s" % (" ".join(command), done.returncode, said.strip()))
    return said


def say(text: str) -> None:
    """One line of progress."""
    print("setup: " + text, flush=True)


def host_python() -> str:
    """The Python to build with: this one, unless it is the one inside the `.venv` that is to be replaced."""
    inside = Path(sys.prefix).resolve() == VENV
    return str(getattr(sys, "_base_executable", sys.executable)) if inside else sys.executable


def is_sound() -> bool:
    """Whether an earlier set-up was finished and its Python still starts and still sees what was installed."""
    return stamp() not in ("", UNFINISHED) and runs(str(PYTHON), "import editables")


def make_venv() -> None:
    """An empty `.venv`, in place of one that cannot be used.

    The stamp says "unfinished" before anything else exists, so an interruption at any later moment is seen.
    """
    if VENV.exists():
        if not (stamp() or (VENV / "pyvenv.cfg").exists()):
            raise SetupError("%s exists and is no virtual environment; move it away and run this again." % VENV)
        say("removing a .venv that is incomplete or has lost its Python")
        shutil.rmtree(str(VENV))
    VENV.mkdir()
    STAMP.write_text(UNFINISHED, encoding="ascii")
    say("creating .venv with Python " + sys.version.split()[0])
    run([host_python(), "-m", "venv", "--without-pip", str(VENV)])


def pip_command() -> "list[str]":
    """A pip that installs into `.venv`: this Python's own if it knows how (22.3), else one put there by ensurepip."""
    own = [host_python(), "-m", "pip", "--disable-pip-version-check", "--python", str(PYTHON)]
    try:
        run([*own, "--version"])
    except SetupError:
        try:
            run([str(PYTHON), "-m", "ensurepip"])
        except SetupError as error:
            raise SetupError(
                "This Python (%s) has no pip, and ensurepip does not work either; install pip (on Debian and Ubuntu: "
                "python3-pip or python3-venv) and run this again.\n%s" % (sys.executable, error)
            ) from None
        return [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    return own


def index_url(pip_config: str, environ: "dict[str, str]") -> str:
    """The package index pip uses, as uv must be told it; empty for the public one.

    The environment outranks the files; of the files' lines (`pip config list`) the last is the most specific.
    """
    named = environ.get("PIP_INDEX_URL", "")
    if not named:
        for line in pip_config.splitlines():
            key, _, value = line.partition("=")
            if key.endswith(".index-url"):
                named = value.strip().strip("'\"")
    return named


def uv_environment(pip: "list[str]") -> "dict[str, str]":
    """The environment for uv: the system's certificates, no Python downloads, pip's index; what is set already wins."""
    env = dict(os.environ)
    env.pop("UV_SYSTEM_PYTHON", None)
    env.setdefault("UV_SYSTEM_CERTS", "1")
    env.setdefault("UV_NATIVE_TLS", "1")
    env.setdefault("UV_PYTHON_DOWNLOADS", "never")
    if not (env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL")):
        index = index_url(run([*pip, "config", "list"]), env)
        if index:
            env["UV_DEFAULT_INDEX"] = index
    return env


def install() -> None:
    """The lock, then the project itself (editable, built with what the lock holds): by uv, or by pip if uv cannot."""
    pip = pip_command()
    locked = ["--require-hashes"]
    for path in LOCKS[1:]:
        locked += ["-r", str(path)]
    project = ["--no-build-isolation", "--no-deps", "-e", str(ROOT)]
    try:
        say("installing the pinned uv")
        run([*pip, "install", "--quiet", "--require-hashes", "-r", str(LOCKS[0])])
        uv = [str(PYTHON.with_name("uv.exe" if os.name == "nt" else "uv"))]
        uv += ["pip", "install", "--quiet", "--python", str(PYTHON)]
        env = uv_environment(pip)
        say("installing the locked packages with uv")
        run([*uv, *locked], env)
        run([*uv, *project], env)
    except (SetupError, OSError) as error:
        say("uv could not do it, using pip instead (slower). It said:\n%s" % error)
        run([*pip, "install", "--quiet", *locked])
        run([*pip, "install", "--quiet", *project])


def set_up() -> None:
    """Whatever is missing, made; one process at a time, so that two shells do not build on top of each other."""
    with open(__file__, "rb") as only_one:
        if sys.platform != "win32":
            fcntl.flock(only_one, fcntl.LOCK_EX)
        if is_ready():
            return
        if not is_sound():
            make_venv()
        STAMP.write_text(UNFINISHED, encoding="ascii")
        install()
        STAMP.write_text(fingerprint(), encoding="ascii")
        say("ready")


def main() -> int:
    """Make `.venv` ready; exit code 0 when it is, 1 with one clear error when it cannot be."""
    try:
        if is_ready():
            return 0
        if sys.version_info < OLDEST:
            return subprocess.call([newer_python(), str(Path(__file__).resolve())])
        set_up()
    except (SetupError, OSError) as error:
        print("setup failed: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup interrupted; run it again to finish.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
