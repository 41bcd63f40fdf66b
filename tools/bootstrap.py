"""Makes .venv from the lock, for `make setup` and all that builds on it. Uses the standard library only.

A stamp, written last, holds what the environment was made from: while that is unchanged, nothing is done; without it,
whatever lies there is half an install and is made anew.
"""

import fcntl
import hashlib
import platform
import re
import shutil
import sys
from pathlib import Path

import machine
from repair_wheels import UnknownWheelError, repair_wheel
from run_logged import CommandError, run_logged

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "made-from"
LOG = ROOT / "build" / "setup.log"
PYTHON = VENV / "bin" / "python"

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
BASE = Path(sys.base_prefix)  # not sys.executable, which is the one in .venv where that is activated
INSTALLER = ROOT / "requirements" / "installer.txt"
LOCK = ROOT / "requirements" / f"lock-py{VERSION.replace('.', '')}.txt"
FARMHASH = ROOT / "tools" / "farmhash"
TOOLS = [ROOT / "tools" / name for name in ("bootstrap.py", "repair_wheels.py", "elf.py")]
NEWER_GLIBC = ["ml-metadata", "tensorflow-data-validation"]
SOURCES = [INSTALLER, LOCK, ROOT / "setup.py", *sorted(FARMHASH.glob("*.py")), *TOOLS]


def main() -> None:
    """Makes or updates the environment unless it is up to date."""
    with open(__file__) as own:
        fcntl.flock(own, fcntl.LOCK_EX)  # a second make waits here, then finds the stamp
        found = STAMP.read_text() if STAMP.exists() else ""
        stamp = wanted_stamp()
        if found == stamp:
            return
        STAMP.unlink(missing_ok=True)
        LOG.parent.mkdir(exist_ok=True)
        LOG.unlink(missing_ok=True)
        if not found.startswith(interpreter()):
            make_venv()
        install()
        STAMP.write_text(stamp)
        say("done")


def wanted_stamp() -> str:
    """Returns the interpreter, on the first line, and a hash of all files the environment is made from."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    return f"{interpreter()}\n{digest.hexdigest()}\n"


def interpreter() -> str:
    """Returns what must stay the same for an environment to be worth updating."""
    return f"Python {platform.python_version()} of {BASE} in {VENV}"


def make_venv() -> None:
    """Makes an empty environment in place of whatever lies there."""
    machine.check(ROOT)
    shutil.rmtree(VENV, ignore_errors=True)
    say(f"making .venv with Python {platform.python_version()} (about 4 GB; details in {LOG.relative_to(ROOT)})")
    run_logged([BASE / "bin" / f"python{VERSION}", "-m", "venv", VENV], LOG)


def install() -> None:
    """Installs the lock, the packages that cannot come from it, and this project, editable."""
    run_logged([PYTHON, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", INSTALLER], LOG)
    elsewhere = ["pyfarmhash"]
    wheels: list[Path] = []
    if machine.glibc() < machine.WHEELS_NEED_GLIBC:
        elsewhere += NEWER_GLIBC
        wheels = repaired_wheels()
    requirements = VENV / "requirements.txt"
    requirements.write_text(without(LOCK.read_text(), elsewhere))
    say("installing the lock")
    uv: list[str | Path] = [PYTHON, "-m", "uv", "pip"]
    # Compiled here, once: where PYTHONDONTWRITEBYTECODE is set, as images often do, each import of TFX would take 20 s.
    options: list[str | Path] = ["--python", PYTHON, "--no-build-isolation", "--compile-bytecode"]
    run_logged([*uv, "sync", *options, "--require-hashes", requirements], LOG)
    run_logged([*uv, "install", *options, "--no-deps", *wheels, FARMHASH, "--editable", ROOT], LOG)


def repaired_wheels() -> list[Path]:
    """Downloads the wheels that are published for a newer glibc and returns their repaired copies."""
    say(f"glibc here is older than 2.39: {' and '.join(NEWER_GLIBC)} are altered to load on it (NOTICE says how)")
    directory = VENV / "wheels"
    shutil.rmtree(directory, ignore_errors=True)
    pins = re.findall(rf"^((?:{'|'.join(NEWER_GLIBC)})==\S+)", LOCK.read_text(), flags=re.MULTILINE)
    published_for = ["--only-binary=:all:", "--platform", "manylinux_2_39_x86_64"]
    run_logged([PYTHON, "-m", "pip", "download", "--no-deps", *published_for, "--dest", directory, *pins], LOG)
    return [repair_wheel(wheel, directory) for wheel in sorted(directory.glob("*.whl"))]


def without(lock: str, packages: list[str]) -> str:
    """Returns the lock without the entries, hashes included, of the packages."""
    names = "|".join(map(re.escape, packages))
    return re.sub(rf"^(?:{names})==.*\n(?:[ \t].*\n)*", "", lock, flags=re.MULTILINE)


def say(line: str) -> None:
    """Tells what happens next."""
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (CommandError, OSError, UnknownWheelError, machine.UnfitError) as error:
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
