"""Spoils files in the ways in which files arrive spoilt, and in some that nobody has seen yet."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable, Sequence
from functools import cache

from tests.samples.demands import Reading
from tests.samples.rows import Row
from tests.samples.shipped import READINGS, is_delimited, six_rows
from tests.samples.writing import json_lines, parquet, sample, workbook

CELLS = (
    "=1+1", '=HYPERLINK("http://127.0.0.1","x")', "+cmd|' /C calc'!A0", "@SUM(A1)", "-", "NaN",
    "inf", "1e400", "-1e-400", "99999999999999999999999", "0x1F", "1_000", "٣", "½", "2024-02-30",
    "0000-00-00", "13/13/2024", "9999-12-31", "1", "0", "", " ", "\u00a0", "\u200b", "\u202e3",
    "null", "N/A", "#REF!", "#N/A", "\x00", "\x1a", "\x7f", "\U0001f600",
    "a" * 70_000, "9" * 400, '"', '""', "'", "\\", "\\N", "\r", "\n", "\t", ",", "|", "^", ";",
    "TRUE", "true", "Ja", "*", "<11", ">=95%", "é", "ﬁ", "Z̷", "${x}", "%s", "{0}", "'; DROP x",
)  # fmt: skip

Spoil = Callable[[bytes, random.Random], bytes]


def flipped_bytes(content: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(chance.randint(1, 12) if spoilt else 0):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def cut_out(content: bytes, chance: random.Random) -> bytes:
    begin = chance.randrange(len(content) + 1)
    return content[:begin] + content[begin + chance.randint(1, 40) :]


def lines_moved(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(chance.randint(1, 3)):
        act = chance.choice(["drop", "double", "swap", "blank", "join"])
        at = chance.randrange(len(lines)) if lines else 0
        if act == "drop":
            del lines[at : at + 1]
        elif act == "double":
            lines[at:at] = lines[at : at + 1] * chance.randint(1, 30)
        elif act == "blank":
            lines.insert(at, chance.choice([b"\n", b"\r\n", b",,,,\n", b"   \n", b"Total,6\n"]))
        elif act == "join":
            lines[at : at + 1] = [line.rstrip(b"\r\n") for line in lines[at : at + 1]]
        else:
            chance.shuffle(lines)
    return b"".join(lines)


def nulls(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + b"\x00" * chance.choice([1, 2, 7, 4096]) + content[at:]


def encodings_mixed(content: bytes, chance: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    at = chance.randrange(len(text) + 1)
    first, second = (
        chance.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be", "utf-32", "cp037"])
        for _ in range(2)
    )
    text = text[:at] + chance.choice(["é", "ÿþ", "José", "—", ""]) + text[at:]
    return text[:at].encode(first, "replace") + text[at:].encode(second, "replace")


def line_ends(content: bytes, chance: random.Random) -> bytes:
    ends = [b"\r", b"\n", b"\r\n", b"\n\r", b"\x0b", b"\x0c", b"\xc2\x85", b"\xe2\x80\xa8"]
    end, other = chance.sample(ends, 2)
    lines = content.splitlines()
    return b"".join(line + (end if chance.random() < 0.8 else other) for line in lines)


def random_bytes(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.randint(1, 3000)) + content[at:]


def long_line(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice([b"9", b"x", b'"', b","]) * 300_000 + content[at:]


def gzipped(content: bytes, chance: random.Random) -> bytes:
    whole = gzip.compress(content, mtime=0)
    return chance.choice([whole, cut_off(whole, chance), whole + whole, whole + b"rest"])


def zipped(content: bytes, chance: random.Random) -> bytes:
    names = [
        "a.csv",
        "../../a.csv",
        "/etc/a.csv",
        "a/b/c.csv",
        " ",
        "\u202e.csv",
        "x" * 300,
        "a.zip",
    ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in chance.sample(names, chance.randint(1, 3)):
            archive.writestr(name, content)
    whole = out.getvalue()
    return chance.choice([whole, cut_off(whole, chance), flipped_bytes(whole, chance)])


def bomb(content: bytes, chance: random.Random) -> bytes:
    """Return an archive that unpacks to a thousand times its size."""
    huge = content + chance.choice([b"\n", b"0", b",", b" "]) * 30_000_000
    if chance.random() < 0.3:
        return gzip.compress(huge, 9, mtime=0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("results.csv", huge)
    return out.getvalue()


BYTES: tuple[Spoil, ...] = (
    flipped_bytes, cut_off, cut_out, lines_moved, nulls, encodings_mixed, line_ends, random_bytes,
    long_line, gzipped, zipped,
)  # fmt: skip
FEW: tuple[Spoil, ...] = (bomb,)


def spoilt_cells(reading: Reading, chance: random.Random) -> tuple[list[str], list[Row]]:
    """Return a header and rows: columns swapped, doubled or gone, cells nonsense."""
    header, rows = list(reading.layout.columns), [dict(row) for row in six_rows(reading)]
    for _ in range(chance.randint(1, 6)):
        chance.choice(rows)[chance.choice(header)] = chance.choice(CELLS)
    for _ in range(chance.choice([0, 0, 1, 2])):
        one, other = chance.randrange(len(header)), chance.randrange(len(header))
        act = chance.choice(["swap", "swap", "drop", "double", "rename"])
        if act == "swap":
            header[one], header[other] = header[other], header[one]
        elif act == "drop" and len(header) > 1:
            del header[one]
        elif act == "double":
            header.insert(other, header[one])
        else:
            new = chance.choice([*CELLS, header[one].upper(), f" {header[one]} ", "Column1"])
            for row in rows:
                row[new] = row[header[one]]
            header[one] = new
    if chance.random() < 0.1:
        rows *= chance.randint(2, 60)
    return header, rows


@cache
def _unspoilt(reading: Reading, form: str) -> bytes:
    return _written(reading, form, list(reading.layout.columns), six_rows(reading))


def _written(
    reading: Reading, form: str, header: Sequence[str], rows: Sequence[dict[str, str]]
) -> bytes:
    if form == "workbook":
        return workbook(header, rows)
    if form == "parquet":
        return parquet(list(dict.fromkeys(header)), rows)
    if form == "json":
        return json_lines(header, rows)
    if is_delimited(reading):
        return _delimited(reading, header, rows)
    return sample(reading, rows)


def _delimited(reading: Reading, header: Sequence[str], rows: Sequence[dict[str, str]]) -> bytes:
    mark = reading.source.format.delimiters[0]

    def quoted(text: str) -> str:
        text = text.replace("\r", " ") if mark == "^" else text
        return f'"{text.replace(chr(34), chr(34) * 2)}"' if set(text) & {mark, '"', "\n"} else text

    lines = [mark.join(quoted(name) for name in header)]
    lines += [mark.join(quoted(row[name]) for name in header) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


ENDINGS = {"workbook": ".xlsx", "parquet": ".parquet", "json": ".jsonl", "text": ".csv"}


def spoilt_file(number: int, seed: int) -> tuple[Reading, str, bytes, str]:
    """Return the file of that number: its layout, its ending, its bytes, what was done to it."""
    chance = random.Random(f"{seed}/{number}")
    reading = chance.choice(READINGS)
    form = "text"
    if is_delimited(reading):
        form = chance.choices(["text", "workbook", "parquet", "json"], [8, 1, 1, 1])[0]
    done = [form]
    if chance.random() < 0.45 and is_delimited(reading):
        try:
            content = _written(reading, form, *spoilt_cells(reading, chance))
            done.append("cells")
        except Exception:  # a form that cannot hold such a cell: a workbook has no control marks
            content = _unspoilt(reading, form)
    else:
        content = _unspoilt(reading, form)
    for _ in range(chance.choice([0, 1, 1, 2]) if len(done) > 1 else chance.choice([1, 1, 2, 3])):
        spoil = chance.choice(FEW if chance.random() < 0.004 else BYTES)
        content = spoil(content, chance)
        done.append(spoil.__name__)
    return reading, ENDINGS[form], content, "+".join(done)
