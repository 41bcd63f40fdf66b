import logging
import os

from tfx_pipeline.runners.console import quiet


def noise(name: str) -> None:
    print("printed")
    os.write(2, b"native\n")
    logging.getLogger(name).info("logged by %s", name)


def test_what_libraries_say_goes_to_the_log_alone(tmp_path, capfd):
    with quiet(tmp_path / "new" / "run.log"):
        noise("tfx")

    assert capfd.readouterr() == ("", "")
    log = (tmp_path / "new" / "run.log").read_text()
    assert [word for word in ("printed", "native", "logged by tfx") if word not in log] == []


def test_what_our_packages_report_is_shown_and_logged(tmp_path, capfd):
    with quiet(tmp_path / "run.log") as console:
        console.print("[ 1/11] Trainer", markup=False)
        noise("tfx_pipeline.training")

    assert capfd.readouterr().out.split("\n") == ["[ 1/11] Trainer", "        logged by tfx_pipeline.training", ""]
    assert "logged by tfx_pipeline.training" in (tmp_path / "run.log").read_text()


def test_afterwards_the_terminal_is_as_before(tmp_path, capfd):
    handlers = list(logging.getLogger().handlers)
    with quiet(tmp_path / "run.log"):
        pass
    os.write(1, b"out\n")
    os.write(2, b"err\n")

    assert capfd.readouterr() == ("out\n", "err\n")
    assert logging.getLogger().handlers == handlers
