import os
import subprocess

import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.adapters.commits import FEWEST_EVENTS, MOST_FILES
from mos_tf.datasets.describe import describe
from mos_tf.errors import DataError
from mos_tf.privacy import hash_user

ADA, BOB = "ada@example.org", "bob@example.org"
FILES = ["core/engine/gears.py", "core/engine/wheels.py", "docs/index.md", "setup.py"]


def git(repository, *arguments, **variables):
    command = ["git", "-C", str(repository), "-c", "user.name=someone", *arguments]
    return subprocess.run(command, check=True, capture_output=True, env={**os.environ, **variables})


def commit(repository, author, time, paths):
    for path in paths:
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{author} {time}")
    git(repository, "add", "-A")
    stamp = {"GIT_AUTHOR_DATE": f"@{time} +0200", "GIT_COMMITTER_DATE": f"@{time + 99} +0000"}
    stamp |= {"GIT_AUTHOR_EMAIL": author, "GIT_COMMITTER_EMAIL": "merger@example.org"}
    git(repository, "commit", "-q", "-m", "a change | of\nsomething", **stamp)


@pytest.fixture
def repository(tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q")
    for change in range(FEWEST_EVENTS // len(FILES)):
        commit(repository, ADA if change % 2 else ADA.upper(), 1000 + change, FILES)
    commit(repository, BOB, 2000, FILES)
    commit(repository, ADA, 3000, [f"sweep/{number}.py" for number in range(MOST_FILES + 1)])
    return repository


def test_developers_are_users_and_the_files_of_a_commit_items_at_its_author_s_time(repository, tmp_path):
    adapted = adapt("commits", repository, tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert sorted((event["timestamp"], event["item_id"]) for event in events) == [
        (1000 + change, path) for change in range(5) for path in FILES
    ]
    assert {event["user_id"] for event in events} == {hash_user(ADA)}  # however written; never in the clear
    assert (adapted.found.users, adapted.found.items, adapted.found.samples) == (1, 4, 20)
    assert not adapted.bad_rows and describe(tmp_path / "out").events == 20


def test_files_have_their_directory_and_the_part_of_the_repository(repository, tmp_path):
    adapt("commits", repository, tmp_path / "out")
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert {item["item_id"]: (item["category"], item["part_category"]) for item in items} == {
        "core/engine/gears.py": ("core/engine", "core"),
        "core/engine/wheels.py": ("core/engine", "core"),
        "docs/index.md": ("docs", "docs"),
        "setup.py": (".", "."),
    }


def test_those_who_did_little_and_sweeping_commits_are_left_out(repository, tmp_path):
    adapt("commits", repository, tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert hash_user(BOB) not in {event["user_id"] for event in events}
    assert not [event for event in events if event["item_id"].startswith("sweep/")]


def test_names_of_files_that_git_quotes_are_plain(repository, tmp_path):
    odd = [
        "docs/größe/a |\r\n@.md",
        "docs/größe/\u2028\x01.md",
        'docs/"so"\t\\.md',
        "\nfirst",
    ]
    commit(repository, ADA, 4000, odd)
    adapt("commits", repository, tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert sorted(event["item_id"] for event in events if event["timestamp"] == 4000) == sorted(odd)
    items = {item["item_id"]: item for item in pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()}
    assert [items[path]["category"] for path in odd] == ["docs/größe", "docs/größe", "docs", "."]
    assert [items[path]["part_category"] for path in odd] == ["docs", "docs", "docs", "."]
    assert len(events) == FEWEST_EVENTS + len(odd)


def test_names_that_are_no_text_stay_apart(repository, tmp_path):
    for byte in (b"\xfe", b"\xff"):
        (repository / os.fsdecode(byte)).write_text("")
    commit(repository, ADA, 4000, [])
    adapt("commits", repository, tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert sorted(e["item_id"] for e in events if e["timestamp"] == 4000) == ["\\xfe", "\\xff"]


def test_commits_that_change_no_file_are_none(repository, tmp_path):
    git(repository, "commit", "-q", "--allow-empty", "-m", "nothing")
    git(repository, "commit", "-q", "--allow-empty", "-m", "nothing again")
    commit(repository, ADA, 4000, ["setup.py"])
    assert adapt("commits", repository, tmp_path / "out").found.samples == FEWEST_EVENTS + 1


def test_a_directory_without_history_is_told_in_one_line(tmp_path):
    with pytest.raises(DataError, match=r"those of a git repository. Received: .*not a git repository") as error:
        adapt("commits", tmp_path, tmp_path / "out")
    assert "\n" not in str(error.value)
    git(tmp_path, "init", "-q")
    with pytest.raises(DataError, match="does not have any commits yet"):
        adapt("commits", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_machine_without_git_is_told_what_to_install(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="no git on this machine; install it"):
        adapt("commits", repository, tmp_path / "out")
