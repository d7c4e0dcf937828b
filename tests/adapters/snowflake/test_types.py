"""The check and COPY, type by type: both accept the same texts, except for texts that would lose something, which the check
refuses."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

from progresskit_snowflake.copying import canonical_format
from test_values import fits

# fmt: off
FLAGS = [
    "true", "false", "TRUE", "tRuE", "t", "f", "T", "yes", "no", "y", "N", "on", "OFF", "1", "0",
    "2", "-1", "1.0", "00", "01", "tru", "yesno", " true", "true ", "", "NULL", "+1", "enable", "ＴＲＵＥ",
]
NUMBERS = [
    "0", "-5", "+5", "007", "1e3", "5.", "1.0", ".5", "-.5", "1e-2", "1E2", "1e+2", "1.50", "0.10", "12345678", "-0", "00.00",
    "-", "+", ".", "e5", "1e", "1,000", "1_000", "0x1F", " 5", "5 ", "٣", "--5", "+-5", "5-", "$5", "5%", "1.2.3", "NaN", "inf", "true",
    "1e38", "1e400", "1e-400", "9" * 38, "9" * 39, "0." + "0" * 40 + "1", "1" + "0" * 37 + ".0", "", "1 000", "1e5.5", "½",
]
FLOATS = [
    *NUMBERS, "nan", "NAN", "-nan", "+inf", "-inf", "INF", "infinity", "-Infinity", "1e308", "1.7976931348623157e308", "1e309", "1d5",
    "4.9e-324", "0x1p3",
]
DAYS = [
    "2024-01-01", "2024-02-29", "0001-01-01", "9999-12-31", "2024-1-1", "24-01-01", "10000-01-01", "0000-01-01", "2024-02-30",
    "2023-02-29", "1900-02-29", "2024/01/01", "01/02/2024", "20240101", "2024-01-01T00:00:00", "2024-01-01 00:00", "01-JAN-2024",
    "2024-13-01", "2024-01-32", " 2024-01-01", "2024-01-01 ", "2024-001", "2024-W01-1", "today", "now", "infinity", "epoch",
    "-2024-01-01", "1704067200", "2024-01-01Z", "2024-01-01+01:00", "",
]
CLOCKS = [
    "10:00:00", "10:00", "23:59:59.999999", "10:00:00.5", "10:00:00.123456000", "10", "24:00:00", "24:00", "23:59:60", "10:60",
    "1:00:00", "1000", "10:0:0", "10:00:00.", "10:00:00Z", "T10:00:00", " 10:00", "-10:00", "10:00:00.1234567890", "25:00", "",
]
ZONES = [
    "Z", " Z", "z", "+02:00", "-08:00", "+0200", "+02", "+2", " +02:00", " +0200", " +02", "+14:00", "+15:00", "-12:30", "+24:00",
    " UTC", " Europe/Berlin", "  +02:00", "+02:60", "+02:0",
]
MOMENTS = [
    *DAYS, *(f"2024-01-01{blank}{clock}" for blank in ("T", " ", "  ", "t") for clock in CLOCKS),
    *(f"2024-01-01{blank}{clock}{zone}" for blank in "T " for clock in ("10:00", "10:00:00.5") for zone in ZONES),
    "2024-02-30T10:00", "2023-02-29 10:00:00+01:00", "1969-12-31T23:59:59.999999", "0001-01-01 00:00:00", "9999-12-31T23:59:59",
]
TEXTS = ["", "abc", "abcd", "äöü", "日本語", "🐍🐍🐍", "🐍🐍🐍🐍", "a\nb", "   ", "e\u0301a"]
# fmt: on
CASES = {
    "BOOLEAN": FLAGS,
    "NUMBER(38,0)": NUMBERS,
    "NUMBER(5,2)": NUMBERS,
    "NUMBER(2,2)": NUMBERS,
    "NUMBER(38,10)": NUMBERS,
    "FLOAT": FLOATS,
    "VARCHAR(3)": TEXTS,
    "DATE": DAYS,
    "TIME": CLOCKS,
    "TIMESTAMP_NTZ": MOMENTS,
    "TIMESTAMP_TZ": MOMENTS,
    "TIMESTAMP_LTZ": MOMENTS,
}


def loses(kind: str, text: str, value: Any) -> bool:
    """Whether the value that COPY reads loses something of the text."""
    if kind.startswith("NUMBER"):
        return Decimal(text) != value
    return kind == "TIMESTAMP_NTZ" and re.search(r"(Z|[+-]\d\d(:?\d\d)?)$", text[11:]) is not None


ALIKE = {"NUMBER(2,2)", "NUMBER(38,10)", "TIMESTAMP_LTZ"}
"""The types that resemble others so much that only the long run tests them."""


@pytest.mark.parametrize("kind", [pytest.param(one, marks=pytest.mark.slow) if one in ALIKE else one for one in CASES])
def test_check_takes_what_copy_takes(kind: str, cursor: Any, stage: str, new_table: str, upload: Any) -> None:
    """The check accepts the same texts as COPY, except for those that COPY would round, or whose offset it would drop."""
    texts = list(dict.fromkeys(CASES[kind]))
    cursor.execute(f"CREATE TABLE {new_table} (n INT, v {kind})")
    quoted = [text.replace('"', '""') for text in texts]
    upload("texts.csv", "".join(f'{number},"{text}"\n' for number, text in enumerate(quoted)).encode())
    cursor.execute(f"COPY INTO {new_table} FROM @{stage} FILE_FORMAT = ({canonical_format([])}) ON_ERROR = CONTINUE")
    copied = dict(cursor.execute(f"SELECT n, v FROM {new_table}").fetchall())
    checked = {text for text in texts if fits(kind, text)}
    taken = {text: copied[number] for number, text in enumerate(texts) if number in copied}
    assert checked - taken.keys() == set(), "the check takes what COPY refuses"
    assert {text for text in taken.keys() - checked if not loses(kind, text, taken[text])} == set()
    assert {text for text in checked if kind != "FLOAT" and loses(kind, text, taken[text])} == set()
    assert checked and len(checked) < len(texts)
