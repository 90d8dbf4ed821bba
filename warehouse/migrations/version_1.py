"""The tables of version 1, by which a ledger is known that was made before versions were noted."""

from __future__ import annotations

from collections.abc import Mapping

FAULT = "code fault_where fault_found fault_expected fault_remedy"
_WORDS = {
    "raw_file": "sha256 size_bytes original_name first_seen_at",
    "load": "load_id source state load_key attempt sha256 file_name district_id started_at "
    f"finished_at rows_received rows_loaded rows_quarantined rows_set_aside {FAULT}",
    "load_input": "load_id kind name hash",
    "load_partition": "load_id table_name source partition rows slices superseded_by",
    "step": "load_id position name rows_in rows_made rows_out rows_rejected rows_set_aside seconds",
    "publication": f"publication_id published_at state slices marts {FAULT}",
    "check_result": "check_id load_id publication_id suite name code severity success observed "
    "expected",
    "rejected_row": "load_id source_row code field kind",
    "flag_count": "load_id code field rows first_rows",
}
COLUMNS: Mapping[str, frozenset[str]] = {
    table: frozenset(words.split()) for table, words in _WORDS.items()
}
