import importlib.util
import os
import platform
import shutil
from types import SimpleNamespace

import pytest

import machine
from machine import UnfitError, check, glibc


@pytest.fixture
def fit(monkeypatch):
    """A machine that lacks nothing; returns what makes it lack one thing."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.36")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=6_000_000_000))
    return monkeypatch.setattr


def test_a_machine_that_lacks_nothing_passes(fit, tmp_path):
    check(tmp_path)


@pytest.mark.parametrize(("system", "processor"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_another_system_is_named(fit, tmp_path, system, processor):
    fit(platform, "system", lambda: system)
    fit(platform, "machine", lambda: processor)
    with pytest.raises(UnfitError, match=f"x86-64 Linux only. Received: {system} {processor}"):
        check(tmp_path)


def test_another_c_library_is_named(fit, tmp_path):
    fit(os, "confstr", lambda name: None)
    with pytest.raises(UnfitError, match="glibc only"):
        check(tmp_path)


def test_too_little_disk_says_how_much_is_needed(fit, tmp_path):
    fit(shutil, "disk_usage", lambda path: SimpleNamespace(free=machine.DISK - 100_000_000))
    with pytest.raises(UnfitError, match=r"^6 GB of free disk are needed. Received: 5.9 GB"):
        check(tmp_path)


def test_a_python_without_venv_says_what_to_install(fit, tmp_path):
    fit(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnfitError, match=r"apt install python3\.1[12]-venv"):
        check(tmp_path)


@pytest.mark.parametrize(
    ("reported", "version"), [("glibc 2.36", (2, 36)), ("glibc 2.39", (2, 39)), ("glibc 2.4.1", (2, 4))]
)
def test_glibc_version_is_read_as_numbers(fit, reported, version):
    fit(os, "confstr", lambda name: reported)
    assert glibc() == version
