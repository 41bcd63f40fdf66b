import sys
from pathlib import Path

import pytest

import bootstrap
import machine
from run_logged import CommandError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Points the bootstrap at an empty directory on a machine whose glibc needs no repaired wheels."""
    lock = tmp_path / "lock.txt"
    lock.write_text("six==1.17.0 \\\n    --hash=sha256:00\n")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "STAMP": tmp_path / ".venv" / "made-from",
        "LOG": tmp_path / "build" / "setup.log",
        "LOCK": lock,
        "SOURCES": [lock],
    }.items():
        monkeypatch.setattr(bootstrap, name, value)
    monkeypatch.setattr(machine, "check", lambda directory: None)
    monkeypatch.setattr(machine, "glibc", lambda: (2, 39))
    return tmp_path


class Commands(list[str]):
    """Stands in for running commands: records them, and fails at the one that contains `fails_at`."""

    fails_at = "nothing"

    def __call__(self, command, log):
        self.append(" ".join(map(str, command)))
        if " -m venv " in self[-1]:
            Path(command[-1]).mkdir()
        if self.fails_at in self[-1]:
            raise CommandError("the package index cannot be reached.")

    def count_of(self, text):
        return sum(text in command for command in self)


@pytest.fixture
def commands(monkeypatch):
    monkeypatch.setattr(bootstrap, "run_logged", recorder := Commands())
    return recorder


def test_the_second_call_does_nothing(home, commands):
    bootstrap.main()
    assert len(commands) == 4  # environment, installer, lock, this project
    bootstrap.main()
    assert len(commands) == 4


def test_what_is_installed_is_compiled_for_good_also_where_python_writes_no_bytecode(home, commands):
    bootstrap.main()
    assert all("--compile-bytecode" in command for command in commands if " -m uv " in command)
    assert commands.count_of(" -m uv ") == 2


def test_half_an_install_is_made_anew(home, commands):
    commands.fails_at = " sync "
    with pytest.raises(CommandError):
        bootstrap.main()
    (home / ".venv" / "leftover").touch()
    del commands.fails_at
    bootstrap.main()
    assert not (home / ".venv" / "leftover").exists()
    assert commands.count_of(" -m venv ") == 2


def test_a_changed_lock_updates_the_environment_in_place(home, commands):
    bootstrap.main()
    (home / ".venv" / "kept").touch()
    (home / "lock.txt").write_text("six==1.18.0\n")
    bootstrap.main()
    assert (home / ".venv" / "kept").exists()
    assert commands.count_of(" sync ") == 2
    assert (home / ".venv" / "requirements.txt").read_text() == "six==1.18.0\n"


def test_an_update_that_fails_leaves_no_stamp(home, commands):
    bootstrap.main()
    (home / "lock.txt").write_text("six==1.18.0\n")
    commands.fails_at = " sync "
    with pytest.raises(CommandError):
        bootstrap.main()
    assert not (home / ".venv" / "made-from").exists()


def test_another_interpreter_makes_another_environment(home, commands, monkeypatch):
    bootstrap.main()
    monkeypatch.setattr(bootstrap, "interpreter", lambda: "3.12.99 /another/python")
    bootstrap.main()
    assert commands.count_of(" -m venv ") == 2


def test_wheels_are_repaired_only_where_glibc_is_old(home, commands, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "repaired_wheels", lambda: [home / "repaired.whl"])
    bootstrap.main()
    assert "whl" not in commands[-1]
    monkeypatch.setattr(machine, "glibc", lambda: (2, 38))
    (home / ".venv" / "made-from").unlink()
    bootstrap.main()
    assert "repaired.whl" in commands[-1]


def test_entries_taken_out_of_the_lock_take_their_hashes_along():
    lock = (
        "# made by uv\n"
        "ml-metadata==1.21.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "ml-metadata-extra==1.0 \\\n    --hash=sha256:cc\n"
        "six==1.17.0 \\\n    --hash=sha256:dd\n"
    )
    assert bootstrap.without(lock, ["ml-metadata", "six"]) == (
        "# made by uv\nml-metadata-extra==1.0 \\\n    --hash=sha256:cc\n"
    )


def test_an_activated_environment_is_found_up_to_date(home, commands, monkeypatch):
    bootstrap.main()
    monkeypatch.setattr(sys, "executable", str(home / ".venv" / "bin" / "python3.11"))
    bootstrap.main()
    assert len(commands) == 4
