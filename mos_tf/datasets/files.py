"""Reading tables, parquet or CSV, and writing a directory beside before it takes its place."""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mos_tf.errors import DataError


def find_table(directory: str | Path, name: str) -> Path | None:
    """Returns `<name>.parquet` or else `<name>.csv` in the directory, None where there is neither."""
    paths = (Path(directory) / f"{name}{suffix}" for suffix in (".parquet", ".csv"))
    return next((path for path in paths if path.is_file()), None)


def read_batches(
    path: str | Path, columns: Sequence[str] | None = None, *, names: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yields a parquet or CSV file in pieces of bounded size; all columns of a CSV are strings, empty ones None.

    Strings, because one odd value must become one bad row, and must not change how its whole column is read.

    Args:
        path: a `.parquet` or `.csv` file.
        columns: the ones to read; None reads all.
        names: what to call all columns of a CSV that has no header row; None where it has one.

    Raises:
        DataError: the file is neither, lacks a column, has more or fewer than `names` or cannot be read.
    """
    path = Path(path)
    with reading(path):
        if path.suffix == ".parquet":
            file = pq.ParquetFile(path)
            _require_columns(path, file.schema_arrow.names, columns)
            if not file.num_row_groups:  # pyarrow iterates over no file without any
                yield file.schema_arrow.empty_table().select(columns or file.schema_arrow.names)
                return
            batches = file.iter_batches(columns=columns)
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as text:
                first = next(csv.reader(text), [])
            if names is not None and len(first) != len(names):
                raise DataError(f"{path} must have the columns {list(names)} and no header. Received: {first}")
            header = first if names is None else list(names)
            _require_columns(path, header, columns)
            convert = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                include_columns=columns,
            )
            read = pyarrow.csv.ReadOptions(column_names=names)
            batches = pyarrow.csv.open_csv(path, read_options=read, convert_options=convert)
        else:
            raise DataError(f"a table is a .parquet or .csv file. Received: {path}")
        for batch in batches:
            yield pa.Table.from_batches([batch])


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises DataError, in one line, for what a block that reads a table raises of a damaged or absent file."""
    try:
        yield
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise DataError(f"the table cannot be read: {path}: {' '.join(str(error).split())}") from error


def column_names(path: str | Path) -> list[str]:
    """Returns the names of a table's columns, as `read_batches` reads them; none for an empty CSV.

    Raises:
        DataError: it cannot be read.
    """
    return next((batch.column_names for batch in read_batches(path)), [])


def write_batches(path: str | Path, batches: Iterable[pa.Table]) -> int:
    """Writes tables one below the other as one parquet file, in the columns and types of the first; returns the rows.

    Raises:
        DataError: there is no table, or a later one cannot take the types of the first.
    """
    writer, rows = None, 0
    try:
        for batch in batches:
            writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_table(batch.cast(writer.schema))
            rows += len(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{path}: all rows have the types of the first. Received: {' '.join(str(error).split())}"
        ) from error
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise DataError(f"a table has at least one row. Received: none for {path}")
    return rows


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads a whole parquet or CSV file, as `read_batches` does."""
    batches = list(read_batches(path, columns))
    if not batches:
        raise DataError(f"a table has at least one row. Received: {path}")
    return pa.concat_tables(batches)


@contextmanager
def replacing(directory: str | Path, *, marker: str) -> Iterator[Path]:
    """Gives an empty directory to write into, which takes the place of `directory` when the block ends well.

    An interrupted or failed block leaves what was there before. Only a directory that holds `marker`, hence was
    written by the same command, is replaced.

    Args:
        directory: what to write.
        marker: name of a file that every such directory holds.

    Raises:
        DataError: `directory` holds other files.
    """
    target = Path(directory)
    if target.exists() and not (target / marker).exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"only an own, earlier output is replaced (one with {marker}). Received: {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        written = Path(beside) / "written"
        written.mkdir()
        yield written
        if target.exists():
            target.rename(Path(beside) / "replaced")
        written.rename(target)


def _require_columns(path: Path, received: Sequence[str], required: Sequence[str] | None) -> None:
    missing = [name for name in required or () if name not in received]
    if missing:
        raise DataError(
            f"{path} must have the columns {list(required or ())}. Missing: {missing}. Received: {received}"
        )
