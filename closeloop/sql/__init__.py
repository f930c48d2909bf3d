"""The row-level work, in SQL: canonical tables to one row per parcel, order and line."""
