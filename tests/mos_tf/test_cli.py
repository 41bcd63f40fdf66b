import re
import sys
from importlib.metadata import EntryPoint, EntryPoints, version

import pytest

from mos_tf import cli


@pytest.fixture
def mos(monkeypatch):
    """Returns a function that runs `mos` with one subcommand, `try`, and returns the exit code."""

    def run(*arguments, target="tests.support.commands:app", extras=""):
        entry = EntryPoint(name="try", value=f"{target} {extras}".strip(), group=cli.GROUP)
        monkeypatch.setattr(cli, "entry_points", lambda **wanted: EntryPoints([entry]).select(**wanted))
        monkeypatch.setattr(sys, "argv", ["mos", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0

    return run


def test_a_subcommand_runs(mos, capsys):
    assert mos("try", "succeed") == 0
    assert capsys.readouterr().out == "it worked\n"


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("bad-data", 4, "mos: Timestamps are integers. Received: 'soon'. Give unix seconds.\n"),
        ("gate", 3, "mos: gauc of slice overall is 0.5, below 0.6\n"),
        ("interrupted", 130, ""),
    ],
)
def test_an_expected_end_is_one_line_and_its_own_exit_code(mos, capsys, command, code, line):
    assert mos("try", command) == code
    assert capsys.readouterr().err == line


def test_an_unexpected_error_keeps_its_traceback(mos):
    with pytest.raises(RuntimeError, match="nobody expected this"):
        mos("try", "bug")


def test_help_names_the_subcommands_without_importing_them(mos, capsys):
    assert mos("--help", target="a.module.that.does.not.exist:app") == 0
    assert re.search(r"\btry\b", capsys.readouterr().out)


def test_help_of_a_subcommand_is_its_own(mos, capsys):
    assert mos("try", "--help") == 0
    assert "Commands that end in different ways." in capsys.readouterr().out


def test_an_unknown_subcommand_is_wrong_usage(mos, capsys):
    assert mos("unheard-of") == 2
    assert "unheard-of" in capsys.readouterr().err


def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(mos, monkeypatch, capsys):
    monkeypatch.setattr(cli, "requires", lambda name: ["keras>=3", "tfx-not-there==1.21.0; extra == 'tfx'"])
    assert mos("try", "succeed", extras="[tfx]") == 1
    assert capsys.readouterr().err == (
        "mos: `mos try` needs packages that are not installed. Received: no tfx-not-there. "
        'Run: pip install "mos-tf[tfx]"\n'
    )


def test_extras_of_the_project_name_their_packages():
    assert {"tfx", "apache-beam", "kfp"} <= set(cli.packages_of("tfx"))
    assert "tfx" not in cli.packages_of("serving")


def test_version(mos, capsys):
    assert mos("--version") == 0
    assert capsys.readouterr().out == f"mos {version('mos-tf')}\n"


def test_each_command_of_the_project_has_a_summary():
    commands = [entry.name for entry in cli.entry_points(group=cli.GROUP)]
    assert sorted(commands) == sorted(cli.SUMMARIES)
