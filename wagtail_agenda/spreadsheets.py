"""Tables for spreadsheets: plain values in, a CSV or an XLSX file out.

What visitors typed must reach a colleague's spreadsheet as text. A cell that begins like a formula
is one to a spreadsheet, which may then fetch an address or start a program (OWASP, « CSV
injection »). XLSX says of every cell what it is; CSV cannot, so there such a cell gets the
apostrophe in front that spreadsheets take for « this is text ».

Rows are written as they come, so that a large table needs no more memory than a small one.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from wagtail_agenda.cleaning import clean_text

Cell = str | int | float | Decimal | date | datetime | None
"""What a cell may hold. Moments are local: no spreadsheet knows time zones."""

FORMULA_SIGNS = "=+-@−"
"""What a formula begins with, U+2212 included; other widths of these signs fold to them."""

BEYOND_NUMBERS = 10**15
"""Spreadsheets keep fifteen digits of a number, and take far larger ones for damage to the file."""

MOMENT = "%Y-%m-%d %H:%M"
DAY = "%Y-%m-%d"
XLSX_MOMENT = "yyyy-mm-dd hh:mm"
XLSX_DAY = "yyyy-mm-dd"

COLUMN_WIDTH = 20
"""Characters; what is longer shows when its cell is chosen."""

# Neither XML nor any text has them.
_NO_CHARACTERS = re.compile("[\ufffe\uffff]")
# Blanks, and what is not even seen: some programs skip these before they look for a formula.
_SKIPPED = frozenset({"Cc", "Cf", "Mn", "Zl", "Zp", "Zs"})


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[Cell]], file: IO[bytes]) -> None:
    """Write a table as CSV (RFC 4180) in UTF-8, with the mark by which Excel knows that it is.

    Every field is in quotes: a program that takes another separator than the comma then cannot cut
    a text in two and find a formula at the cut.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([_csv_cell(heading) for heading in headings])
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    text.detach()


def write_xlsx(
    headings: Sequence[str], rows: Iterable[Sequence[Cell]], file: IO[bytes], *, title: str
) -> None:
    """Write a table as a workbook of one sheet, whose first row stays in sight."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(_sheet_title(title))
    sheet.freeze_panes = "A2"
    sheet.sheet_format.defaultColWidth = COLUMN_WIDTH
    sheet.append([_xlsx_cell(sheet, heading) for heading in headings])
    for row in rows:
        sheet.append([_xlsx_cell(sheet, value) for value in row])
    workbook.save(file)


def is_formula_like(text: str) -> bool:
    """Whether a spreadsheet might take this text for a formula.

    A telephone number that begins with a plus is such a text: it would become a sum.
    """
    if text[:1] in ("\t", "\r", "\n"):
        return True
    first = next((sign for sign in text if unicodedata.category(sign) not in _SKIPPED), "")
    return bool(first) and unicodedata.normalize("NFKC", first) in FORMULA_SIGNS


def _csv_cell(value: Cell) -> str | int | float | Decimal:
    if isinstance(value, datetime):
        return value.strftime(MOMENT)
    if isinstance(value, date):
        return value.strftime(DAY)
    if isinstance(value, str):
        text = _clean(value)
        return f"'{text}" if is_formula_like(text) else text
    return "" if value is None else value


def _xlsx_cell(sheet, value: Cell):
    if isinstance(value, str):
        text = _clean(value)
        if text[:1] not in ("=", "#"):
            return text or None
        # These the library takes for a formula or an error, unless it is told.
        cell = WriteOnlyCell(sheet, text)
        cell.data_type = "s"
        return cell
    if isinstance(value, date):
        cell = WriteOnlyCell(sheet, value)
        cell.number_format = XLSX_MOMENT if isinstance(value, datetime) else XLSX_DAY
        return cell
    if isinstance(value, int | float | Decimal) and abs(value) >= BEYOND_NUMBERS:
        return _xlsx_cell(sheet, str(value))
    return value


def _clean(text: str) -> str:
    return _NO_CHARACTERS.sub("", clean_text(text))


def _sheet_title(title: str) -> str:
    """At most 31 characters, without those that name cells of other sheets."""
    return re.sub(r"[\[\]:*?/\\']", " ", _clean(title))[:31].strip() or "1"
