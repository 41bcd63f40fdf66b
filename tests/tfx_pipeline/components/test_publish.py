import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mos_tf.errors import MosError
from tfx_pipeline.components.publish import publish

PUSH = "import sys; from tfx_pipeline.components.publish import publish; publish(*sys.argv[1:])"
LARGE = 256 * 1024 * 1024


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "Format-Serving"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "variables.data-00000-of-00001").write_bytes(b"weights")
    return directory


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "serving"


def files(directory: Path) -> dict[str, int]:
    """Returns the sizes of all files below a directory."""
    return {str(path.relative_to(directory)): path.stat().st_size for path in directory.rglob("*") if path.is_file()}


def change(model: Path, weights: bytes) -> None:
    (model / "variables" / "variables.data-00000-of-00001").write_bytes(weights)


def test_a_version_holds_the_whole_model_and_nothing_is_left_beside_it(model: Path, base: Path):
    publication = publish(model, base)
    assert publication.new and publication.path == base / str(publication.version)
    assert files(publication.path) == files(model)
    assert sorted(path.name for path in base.parent.iterdir()) == ["Format-Serving", "serving"]


def test_versions_are_times_and_grow_even_within_one_second(model: Path, base: Path):
    before = int(time.time())
    versions = []
    for weights in (b"first", b"second", b"third"):
        change(model, weights)
        versions.append(publish(model, base).version)
    assert before <= versions[0] < versions[1] < versions[2]
    assert sorted(int(path.name) for path in base.iterdir()) == versions


def test_a_version_follows_one_from_the_future(model: Path, base: Path):
    (base / "99999999999").mkdir(parents=True)
    assert publish(model, base).version == 100000000000


def test_the_model_that_is_newest_already_is_not_copied_again(model: Path, base: Path):
    first, again = publish(model, base), publish(model, base)
    assert not again.new and (again.path, again.version) == (first.path, first.version)
    assert len(list(base.iterdir())) == 1


def test_an_earlier_model_is_published_anew(model: Path, base: Path):
    first = publish(model, base)
    change(model, b"second")
    publish(model, base)
    change(model, b"weights")
    assert publish(model, base).version > first.version + 1


def test_other_names_in_the_directory_are_left_alone(model: Path, base: Path):
    base.mkdir()
    (base / "models.config").write_text("")
    (base / "candidate").mkdir()
    publish(model, base)
    assert {"models.config", "candidate"} < {path.name for path in base.iterdir()}


@pytest.mark.parametrize("remote", ["gs://bucket/serving", "s3://bucket/serving"])
def test_a_remote_destination_is_refused_with_a_way_out(model: Path, remote: str):
    with pytest.raises(MosError, match="mount the bucket"):
        publish(model, remote)


def test_a_mount_point_is_refused_since_no_rename_reaches_it(model: Path):
    with pytest.raises(MosError, match="Received: /proc; name a directory below it"):
        publish(model, "/proc")


def test_a_directory_without_a_saved_model_is_refused(tmp_path: Path, base: Path):
    with pytest.raises(MosError, match="no saved_model.pb"):
        publish(tmp_path, base)
    assert not base.exists()


def test_a_push_that_fails_leaves_nothing_behind(model: Path, base: Path):
    (model / "variables" / "dangling").symlink_to("nowhere")
    with pytest.raises(OSError):
        publish(model, base)
    assert sorted(path.name for path in base.parent.iterdir()) == ["Format-Serving", "serving"]
    assert not list(base.iterdir())


def test_who_watches_the_directory_never_sees_part_of_a_version(model: Path, base: Path):
    with (model / "variables" / "large").open("wb") as file:
        file.truncate(LARGE)
    whole, done = files(model), threading.Event()
    seen: list = []

    def watch() -> None:
        while not done.is_set():
            seen.extend(files(version) for version in base.glob("*"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    publish(model, base)
    time.sleep(0.01)
    done.set()
    watcher.join()
    assert seen and all(version == whole for version in seen)


def test_a_push_killed_half_way_shows_no_version_and_the_next_one_completes(model: Path, base: Path):
    with (model / "variables" / "large").open("wb") as file:
        file.truncate(LARGE)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    push = subprocess.Popen([sys.executable, "-c", PUSH, str(model), str(base)], env=environment)
    incoming = base.parent / ".serving.incoming"
    while not any(files(incoming).values()):
        assert push.poll() is None, "the push ended before it could be killed"
    push.send_signal(signal.SIGKILL)
    assert push.wait() == -signal.SIGKILL
    assert files(incoming) and not list(base.iterdir())

    publication = publish(model, base)
    assert files(publication.path) == files(model)
    assert not incoming.exists()
