import logging

from flows.console import DayLog


def test_a_log_that_cannot_be_written_is_told_in_one_line_and_stops_nothing(tmp_path, capsys):
    handler = DayLog(tmp_path / "no folder" / "day.log", delay=True)
    logger = logging.getLogger("roci.test_console")
    logger.addHandler(handler)
    try:
        for _ in range(3):
            logger.warning("load=%s", "L20261122-0001")
    finally:
        logger.removeHandler(handler)
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in line and "No such file or directory" in line


def test_a_full_disk_shows_no_stack(capsys):
    handler = DayLog("/dev/full")
    logger = logging.getLogger("roci.test_console")
    logger.addHandler(handler)
    try:
        logger.warning("load=%s", "L20261122-0001")
    finally:
        logger.removeHandler(handler)
        handler.stream = None
    assert "Traceback" not in (said := capsys.readouterr().err) and "No space left" in said
