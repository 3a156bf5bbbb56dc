"""Read tables strictly from CSV, JSON, JSON Lines and Parquet, with each row's place; write CSV."""

from rater.tables.read import SUFFIXES, read_content, read_table
from rater.tables.separated_rows import Dialect
from rater.tables.table import SourceTable

__all__ = ["SUFFIXES", "Dialect", "SourceTable", "read_content", "read_table"]
