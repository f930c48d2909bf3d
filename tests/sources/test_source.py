"""source.yml: what is read from it, and the words for each mistake in it."""

from datetime import date
from pathlib import Path

import pytest

from closeloop import project
from closeloop.sources import source

GOOD = {
    "title": "My shop",
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "files": "{orders_file: orders.csv}",
}


def write(where: Path, **settings: str | None) -> Path:
    given = {**GOOD, **settings}
    lines = [f"{key}: {value}" for key, value in given.items() if value is not None]
    (where / "source.yml").write_text("\n".join(lines), encoding="utf-8")
    (where / "orders.sql").write_text("select id as order_id, _file, _row from orders_file", encoding="utf-8")
    return where


def test_a_good_file_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path, holidays="[2026-12-25]", working_days="[Mon, Sat]", folder="exports")
    read = source.read(folder)
    assert (read.title, read.timezone, read.name) == ("My shop", "Europe/Berlin", tmp_path.name)
    assert read.folder == tmp_path / "exports"
    assert read.holidays == (date(2026, 12, 25),)
    assert read.working_days == ("Mon", "Sat")
    assert [(f.name, f.path, f.format, f.optional) for f in read.files] == [
        ("orders_file", "orders.csv", "csv", False)
    ]


def test_another_folder_can_be_given(tmp_path: Path) -> None:
    assert source.read(write(tmp_path), tmp_path / "elsewhere").folder == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timezon": "Europe/Berlin"}, r"source\.yml: unknown key 'timezon'; did you mean 'timezone'\?"),
        ({"qqqq": "1"}, r"source\.yml: unknown key 'qqqq'; known keys: .*currency.*working_days"),
        ({"title": None, "currency": None}, r"source\.yml: missing currency, title"),
        ({"timezone": "Mars/Olympus"}, r"source\.yml: timezone 'Mars/Olympus' is not an IANA zone"),
        ({"timezone": "America"}, r"source\.yml: timezone 'America' is not an IANA zone"),
        ({"timezone": "../../etc/passwd"}, r"timezone '\.\./\.\./etc/passwd' is not an IANA zone"),
        ({"working_days": "[Mon, Tues]"}, r"source\.yml: working_days has 'Tues'; allowed: Mon, Tue"),
        ({"files": "{orders_file: orders.pdf}"}, r"files\.orders_file: format 'pdf'; allowed: csv, json, parquet"),
        ({"files": "{my-orders: orders.csv}"}, r"files\.my-orders: a name is letters, digits and _"),
        ({"files": "{orders_file: {format: csv}}"}, r"files\.orders_file: .*path"),
        ({"files": "[orders.csv]"}, r"source\.yml: files"),
        ({"title": "[unclosed"}, r"source\.yml: "),
        ({"vocabulary": "../words.csv"}, r"source\.yml: vocabulary: there is no file \.\./words\.csv"),
        ({"return_reasons": "why.csv"}, r"source\.yml: return_reasons: there is no file why\.csv"),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_way_out(
    tmp_path: Path, settings: dict[str, str | None], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        source.read(write(tmp_path, **settings))


@pytest.mark.parametrize("text", ["just words", "- a\n- b", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    (tmp_path / "source.yml").write_text(text)
    with pytest.raises(ValueError, match=r"source\.yml: "):
        source.read(tmp_path)


def test_a_folder_without_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no source\.yml"):
        source.read(tmp_path)


def test_a_select_for_no_known_table_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "parcels.sql").write_text("select 1")
    with pytest.raises(ValueError, match=r"parcels\.sql: no canonical table is called 'parcels'; known: orders"):
        source.read(tmp_path)


def test_orders_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "orders.sql").unlink()
    with pytest.raises(ValueError, match=r"orders\.sql is missing"):
        source.read(tmp_path)


@pytest.mark.parametrize("name", ["demo", "olist"])
def test_the_shipped_sources_are_sound(name: str) -> None:
    assert source.read(project.root() / "params/sources" / name).selects
