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

INSTALLER = ROOT / "requirements" / "installer.txt"
LOCK = ROOT / "requirements" / f"lock-py{sys.version_info[0]}{sys.version_info[1]}.txt"
FARMHASH = ROOT / "tools" / "farmhash"
TOOLS = [ROOT / "tools" / name for name in ("bootstrap.py", "repair_wheels.py", "elf.py")]
SOURCES = [INSTALLER, LOCK, ROOT / "setup.py", *sorted(FARMHASH.glob("*.py")), *TOOLS]


def main() -> None:
    """Makes or updates the environment unless it is up to date."""
    with open(__file__) as own:
        fcntl.flock(own, fcntl.LOCK_EX)  # a second make waits here, then finds the stamp
        stamp = wanted_stamp()
        if not STAMP.exists() or STAMP.read_text() != stamp:
            make_environment()
            STAMP.write_text(stamp)


def wanted_stamp() -> str:
    """Returns the interpreter, on the first line, and a hash of all files the environment is made from."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    return f"{interpreter()}\n{digest.hexdigest()}\n"


def interpreter() -> str:
    """Returns what must stay the same for an environment to be worth updating."""
    return f"{platform.python_version()} {sys.executable} {VENV}"


def make_environment() -> None:
    """Installs the lock, the packages that cannot come from it, and this project, editable."""
    LOG.parent.mkdir(exist_ok=True)
    LOG.unlink(missing_ok=True)
    updating = STAMP.exists() and STAMP.read_text().startswith(interpreter())
    STAMP.unlink(missing_ok=True)
    if not updating:
        machine.check(ROOT)
        shutil.rmtree(VENV, ignore_errors=True)
        say(f"making .venv with Python {platform.python_version()} (about 3.5 GB; details in {LOG.relative_to(ROOT)})")
        run_logged([sys.executable, "-m", "venv", VENV], LOG)
    run_logged([PYTHON, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", INSTALLER], LOG)

    elsewhere = ["pyfarmhash"]
    repaired: list[Path] = []
    if machine.glibc() < machine.WHEELS_NEED_GLIBC:
        elsewhere += ["ml-metadata", "tensorflow-data-validation"]
        repaired = repaired_wheels(elsewhere[1:])
    requirements = VENV / "requirements.txt"
    requirements.write_text(without(LOCK.read_text(), elsewhere))
    say("installing the lock")
    uv: list[str | Path] = [PYTHON, "-m", "uv", "pip"]
    run_logged([*uv, "sync", "--python", PYTHON, "--require-hashes", "--no-build-isolation", requirements], LOG)
    run_logged(
        [
            *uv,
            "install",
            "--python",
            PYTHON,
            "--no-deps",
            "--no-build-isolation",
            *repaired,
            FARMHASH,
            "--editable",
            ROOT,
        ],
        LOG,
    )
    say("done")


def repaired_wheels(packages: list[str]) -> list[Path]:
    """Downloads the published wheels of the packages and returns the repaired copies."""
    say(f"glibc here is older than 2.39: {' and '.join(packages)} are altered to load on it (NOTICE says how)")
    directory = VENV / "wheels"
    shutil.rmtree(directory, ignore_errors=True)
    pins = [
        line.split()[0] for line in LOCK.read_text().splitlines() if line.startswith(tuple(f"{p}==" for p in packages))
    ]
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
