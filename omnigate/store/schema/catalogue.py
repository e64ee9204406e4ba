"""What all tables stand in, and how their rows are numbered."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowNumber: Final = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite makes only INTEGER primary keys an alias of the row's own number."""
