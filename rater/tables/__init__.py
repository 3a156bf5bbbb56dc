"""Read tables strictly from CSV and its relatives, JSON, JSON Lines and Parquet, with each row's place."""

from rater.tables.read import SUFFIXES, read_content, read_table
from rater.tables.separated_rows import Dialect
from rater.tables.table import SourceTable

__all__ = ["SUFFIXES", "Dialect", "SourceTable", "read_content", "read_table"]
