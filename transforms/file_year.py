"""Finds the one school year of a file whose rows name theirs by a date that some rows lack."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from transforms.encode import Encoder
from transforms.fill import Setting
from transforms.probe import Probe
from transforms.read import read_pieces


def encoder_of_file(stream: BinaryIO, found: Probe, setting: Setting) -> Encoder:
    """Return the encoder of a file, told the file's school year where its dates show just one.

    Rows without a date then count in that year. Only for sources that read the school year from a
    date are these columns read beforehand.

    Raises:
        FileRefused: as `read_pieces` and `Encoder`.
    """
    encoder = Encoder(setting)
    if not encoder.year_columns:
        return encoder
    years: set[int] = set()
    for piece in read_pieces(stream, found, encoder.year_columns):
        years |= encoder.years_in(piece)
    if len(years) != 1:
        return encoder
    landing = replace(setting.landing, file_school_year=years.pop())
    return Encoder(replace(setting, landing=landing))
