"""Answers in a browser: a long table is searched and sorted, asks no server, and is plain without scripts."""

import pandas as pd
import pytest

from closeloop import words
from closeloop.workbench import Answer, Column

HOSTILE = '<img src=x onerror="alert(1)">'

pytestmark = pytest.mark.browser


@pytest.fixture
def html():
    frame = pd.DataFrame({"sku": [f"SKU-{n}" for n in range(39)] + [HOSTILE], "late": [*range(39), 1000.5]})
    columns = (Column("sku", "SKU"), Column("late", "Late", words.number, bar=True))
    return (
        f"<!doctype html><html lang='en'><title>t</title>{Answer('Which?', 'These.', frame, columns)._repr_html_()}"
    )


def first_cells(tab):
    return tab.eval_on_selector_all("tbody tr", "rows => rows.map(row => row.cells[0].innerText)")


def test_a_long_table_is_searched_and_sorted_by_its_numbers_and_asks_no_server(html, opened):
    tab = opened(html, width=1000)
    tab.wait_for_selector("table.dataTable")
    assert first_cells(tab) == [f"SKU-{n}" for n in range(12)]
    late = tab.locator("thead th").nth(1)
    late.locator("[role=button]").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Enter")
    assert first_cells(tab)[:3] == [HOSTILE, "SKU-38", "SKU-37"]  # as texts, 9 would come before 1,000.5
    assert late.get_attribute("aria-sort") == "descending"
    tab.get_by_label("Search").fill("SKU-2")
    assert sorted(first_cells(tab)) == sorted(["SKU-2", *(f"SKU-{n}" for n in range(20, 30))])
    assert [heard for heard in tab.heard if not heard.startswith("blob:")] == []


def test_without_scripts_the_table_is_whole(html, opened):
    tab = opened(html.replace("<script", "<template").replace("</script", "</template"), width=1000)
    assert len(first_cells(tab)) == 40
    assert tab.heard == []
