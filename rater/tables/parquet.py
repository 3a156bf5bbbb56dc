"""Read Parquet as a table, where pyarrow is installed."""

import io
from importlib import import_module
from importlib.util import find_spec

from rater.errors import TableError
from rater.tables.table import Table, require_unique_columns


def read_parquet(source: str, content: bytes) -> Table:
    """Read the content of a Parquet file; dictionaries (categoricals) come as their values.

    Raises:
        TableError: If pyarrow is not installed, the file is damaged or empty, or two columns have one name.
    """
    if find_spec("pyarrow") is None:
        msg = f"Reading {source} needs pyarrow, which is not installed. Run: pip install pyarrow"
        raise TableError(msg)
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    try:
        read = parquet.ParquetFile(io.BytesIO(content)).read()
    except (arrow.ArrowException, OSError) as error:
        msg = f"{source} cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise TableError(msg) from error
    if not read.num_rows or not read.num_columns:
        msg = f"{source} has no rows; a table has a row for each answer or text"
        raise TableError(msg)
    names = require_unique_columns(source, "in its schema", read.column_names)
    return Table(
        source=source,
        file_format="Parquet",
        columns={name: column.to_pylist() for name, column in zip(names, read.columns, strict=True)},
        positions=range(1, read.num_rows + 1),
        unit="row",
    )
