-- One row per code of the sources' systems: its canonical status, and whether it is an exception.
select code, status, exception_category, origin from words
