import pytest
from typer.testing import CliRunner

from mos_tf.errors import MosError
from mos_tf.insight.cli import app


def run(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)], catch_exceptions=False)


def test_the_page_and_the_picture_are_written_where_asked(run_dir):
    result = run("--demo", run_dir, "--picture", run_dir / "docs" / "report.png")
    assert result.exit_code == 0
    assert (run_dir / "docs" / "report.png").exists()
    assert "Ranked for household u3" in (run_dir / "report.html").read_text(encoding="utf-8")


def test_every_place_can_be_given(run_dir):
    for name in ("data", "results", "rankings.json"):
        (run_dir / name).rename(run_dir / f"my-{name}")
    result = run(
        *("--data", run_dir / "my-data", "--results", run_dir / "my-results"),
        *("--rankings", run_dir / "my-rankings.json", "--users", "u2,u3", "--output", run_dir / "my.html"),
    )
    assert result.exit_code == 0
    page = (run_dir / "my.html").read_text(encoding="utf-8")
    assert "Household u2" in page and "Household u3" in page and "Household u1" not in page


def test_a_missing_run_is_an_error_a_person_can_act_on(tmp_path):
    with pytest.raises(MosError, match="Run: mos pipeline run --config FILE"):
        run("--demo", tmp_path)
    assert not list(tmp_path.iterdir())


def test_help_has_an_example():
    assert "Example: mos insight report" in run("--help").stdout
