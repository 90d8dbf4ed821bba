from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa

from configs.errors import FileRefused, InfrastructureError, RociError, UsageError
from warehouse import ledger_tables
from warehouse.database import Database
from warehouse.ledger import Counts, Fault, Ledger, LoadedPartitions, MartRecord, Step
from warehouse.ledger_records import Check, FlagCount, LivePartition, RejectedCount
from warehouse.ledger_version import LEDGER_VERSION

TABLE = "student_result"


def open_load(ledger: Ledger, key: str = "k", source: str = "s", **told: str) -> str:
    return ledger.open_load(source, key, {"file": "f", "source": "c"}, **told)


def load_partitions(ledger: Ledger, key: str, rows: dict[str, int], source: str = "s") -> str:
    load_id = open_load(ledger, key, source)
    total = sum(rows.values())
    slices = {name: [f"sample|{name}"] for name in rows}
    ledger.finish_loaded(
        load_id, Counts(total, total, 0, 0), [LoadedPartitions(TABLE, rows, slices)]
    )
    return load_id


def live(ledger: Ledger) -> dict[str, str]:
    return {part.partition: part.load_id for part in ledger.live_partitions(TABLE)}


def test_the_tables_of_the_contract_exist_and_creating_twice_is_no_error(ledger):
    ledger.create()
    ledger.create()
    inspector = sa.inspect(ledger.database.engine("ledger"))
    names = set(inspector.get_table_names(schema=ledger.database.schema("ledger")))
    contract = {"raw_file", "load", "load_input", "step", "check_result", "rejected_row"}
    assert contract | {"publication"} <= names


def test_a_ledger_of_another_version_is_told_as_such_and_stays_as_it_is(ledger):
    load_id = open_load(ledger)
    change_version(ledger, f"UPDATE {place(ledger, 'ledger_version')} SET version = 99")
    with pytest.raises(InfrastructureError, match="LEDGER_VERSION") as caught:
        Ledger(ledger.database).create()
    assert "version 99" in caught.value.found
    change_version(
        ledger, f"UPDATE {place(ledger, 'ledger_version')} SET version = {LEDGER_VERSION}"
    )
    assert Ledger(ledger.database).load(load_id).state == "loading"


def test_a_ledger_from_before_versions_is_told_before_a_query_stumbles(ledger):
    open_load(ledger)
    change_version(ledger, f"DROP TABLE {place(ledger, 'ledger_version')}")
    with pytest.raises(InfrastructureError, match="LEDGER_VERSION") as caught:
        Ledger(ledger.database).loads()
    assert "ROCI_HOME" in caught.value.remedy


def change_version(ledger: Ledger, statement: str) -> None:
    with ledger.database.write("ledger") as connection:
        connection.execute(sa.text(statement))


def test_a_change_of_the_tables_asks_for_a_new_version():
    columns = [
        f"{column} {column.type!r} {column.nullable} {column.primary_key}"
        for table in ledger_tables.metadata.sorted_tables
        for column in table.columns
    ]
    digest = hashlib.sha256("\n".join(sorted(columns)).encode()).hexdigest()[:16]
    assert (LEDGER_VERSION, digest) == (4, "2ac3e07dfe6381db")


def test_load_ids_count_up_within_a_day(ledger):
    day = f"{datetime.now(UTC):L%Y%m%d}"
    assert [open_load(ledger) for _ in range(3)] == [f"{day}-{n:04d}" for n in (1, 2, 3)]


def test_after_the_ten_thousandth_load_of_a_day_ids_go_on(ledger):
    first = open_load(ledger)
    with ledger.database.write("ledger") as connection:
        connection.execute(sa.text(f"DELETE FROM {place(ledger, 'load_input')}"))
        renamed = first.replace("-0001", "-9999")
        connection.execute(sa.text(f"UPDATE {place(ledger, 'load')} SET load_id = '{renamed}'"))
    assert open_load(ledger).endswith("-10000")
    assert open_load(ledger).endswith("-10001")


def test_ids_go_on_where_the_clock_was_set_back(ledger, monkeypatch):
    now, ahead = datetime.now(UTC), datetime.now(UTC) + timedelta(days=400)
    monkeypatch.setattr("warehouse.ledger._now", lambda: ahead)
    ids = [open_load(ledger)]
    published = [ledger.record_publication({}, [], state="held")]
    monkeypatch.setattr("warehouse.ledger._now", lambda: now)
    ids.append(open_load(ledger))
    published.append(ledger.record_publication({"a|2024": "y"}, []))
    assert ids == sorted(set(ids))
    assert published == sorted(set(published))
    assert ledger.last_publication().publication_id == published[-1]
    assert ledger.held_publication() is None


def place(ledger: Ledger, table: str) -> str:
    schema = ledger.database.schema("ledger")
    return f"{schema}.{table}" if schema else table


def test_a_load_is_found_as_it_was_opened(ledger):
    ledger.register_file("a" * 64, 10, "scores.csv")
    load_id = open_load(ledger, sha256="a" * 64, file_name="scores.csv", district_id="0100001")
    load = ledger.load(load_id)
    assert (load.state, load.attempt, load.file_name) == ("loading", 1, "scores.csv")
    assert (load.sha256, load.district_id, load.fault) == ("a" * 64, "0100001", None)
    assert load.started_at.tzinfo is UTC
    assert abs((datetime.now(UTC) - load.started_at).total_seconds()) < 60
    assert ledger.inputs(load_id) == {"file": "f", "source": "c"}
    assert ledger.loads() == [load]


def test_a_name_that_is_not_UTF_8_is_noted_with_its_bytes_spelt_out(ledger):
    name = os.fsdecode(b"caf\xe9.csv")
    ledger.register_file("a" * 64, 10, name)
    load_id = open_load(ledger, sha256="a" * 64, file_name=name, district_id=os.fsdecode(b"\xe9"))
    ledger.finish(load_id, "failed", fault=Fault("NO_SOURCE", name, name, "e", "r"))
    load = ledger.load(load_id)
    assert ledger.raw("a" * 64).original_name == load.file_name == "caf\\xe9.csv"
    assert (load.district_id, load.fault.where) == ("\\xe9", "caf\\xe9.csv")


def test_an_unknown_load_is_a_usage_error_that_names_the_nearest(ledger):
    load_id = open_load(ledger)
    with pytest.raises(UsageError, match="UNKNOWN_LOAD") as caught:
        ledger.load(load_id[:-1] + "7")
    assert load_id in caught.value.expected


def test_what_is_not_there_is_none(ledger):
    assert ledger.find_by_key("k") is None
    assert ledger.last_publication() is None
    assert ledger.raw("0" * 64) is None
    assert ledger.steps("L0") == ledger.checks("L0") == ledger.rejected_counts("L0") == []


def test_the_first_name_of_a_raw_file_stays(ledger):
    ledger.register_file("a" * 64, 10, "first.csv")
    ledger.register_file("a" * 64, 10, "second.csv")
    assert ledger.raw("a" * 64).original_name == "first.csv"


def test_a_step_that_loses_a_row_is_refused():
    with pytest.raises(RociError, match="UNBALANCED_STEP"):
        Step("check", rows_in=10, rows_out=8, rows_rejected=1)
    Step("long", rows_in=10, rows_made=10, rows_out=18, rows_rejected=1, rows_set_aside=1)


def test_steps_keep_their_order(ledger):
    load_id = open_load(ledger)
    steps = [Step("read", 10, 10, seconds=0.5), Step("check", 10, 8, rows_rejected=2)]
    for step in steps:
        ledger.record_step(load_id, step)
    assert ledger.steps(load_id) == steps


@pytest.mark.parametrize(
    "counts", [Counts(10, 9, 0, 0), Counts(10, 11, 0, 0), Counts(10, 11, -1, 0)]
)
def test_a_load_that_loses_or_doubles_rows_cannot_be_loaded(ledger, counts):
    load_id = open_load(ledger)
    with pytest.raises(RociError, match="UNBALANCED_LOAD"):
        ledger.finish_loaded(load_id, counts, [LoadedPartitions(TABLE, {"2024": 9}, {})])
    with pytest.raises(RociError, match="UNBALANCED_LOAD"):
        ledger.finish(load_id, "loaded", counts=counts)
    assert ledger.load(load_id).state == "loading"
    assert live(ledger) == {}


def test_a_failed_load_keeps_the_four_parts_of_its_error(ledger):
    load_id = open_load(ledger)
    error = FileRefused("UNKNOWN_HEADER", where="w", found="f", expected="e", remedy="r")
    ledger.finish(load_id, "failed", fault=error)
    load = ledger.load(load_id)
    assert (load.state, load.fault) == ("failed", Fault("UNKNOWN_HEADER", "w", "f", "e", "r"))
    assert load.finished_at is not None
    assert ledger.interrupted_loads() == []


def test_a_state_that_is_not_in_the_contract_is_refused(ledger):
    load_id = open_load(ledger)
    with pytest.raises(sa.exc.IntegrityError):
        ledger.finish(load_id, "perhaps")


def test_loads_that_never_ended_are_known(ledger):
    first, second = open_load(ledger), open_load(ledger)
    ledger.finish(first, "failed")
    assert [load.load_id for load in ledger.interrupted_loads()] == [second]


def test_attempts_of_one_key_are_counted_and_the_loaded_one_is_found(ledger):
    failed = open_load(ledger)
    ledger.finish(failed, "failed")
    loaded = load_partitions(ledger, "k", {"2024": 1})
    later = open_load(ledger)
    ledger.finish(later, "failed")
    assert [load.attempt for load in ledger.loads()] == [3, 2, 1]
    assert ledger.find_by_key("k").load_id == loaded


def test_loads_can_be_asked_for_by_source_and_state(ledger):
    a, b = open_load(ledger, source="a"), open_load(ledger, source="b")
    ledger.finish(b, "held")
    assert [load.load_id for load in ledger.loads()] == [b, a]
    assert [load.load_id for load in ledger.loads(source="a")] == [a]
    assert [load.load_id for load in ledger.loads(state="held")] == [b]
    assert [load.load_id for load in ledger.loads(state=["held", "loading"], limit=1)] == [b]


def test_a_later_load_takes_over_its_partitions_only(ledger):
    first = load_partitions(ledger, "k1", {"2023": 5, "2024": 6})
    second = load_partitions(ledger, "k2", {"2024": 7})
    assert live(ledger) == {"2023": first, "2024": second}
    assert ledger.load(first).state == "loaded"
    third = load_partitions(ledger, "k3", {"2023": 8})
    assert live(ledger) == {"2023": third, "2024": second}
    assert ledger.load(first).state == "superseded"
    assert ledger.load(second).state == "loaded"
    assert ledger.partitions_of(first)[0].rows == 5


def test_the_same_partition_of_another_source_is_another_partition(ledger):
    first = load_partitions(ledger, "k1", {"2024": 5}, source="a")
    second = load_partitions(ledger, "k2", {"2024": 5}, source="b")
    assert {part.load_id for part in ledger.live_partitions(TABLE)} == {first, second}
    assert ledger.load(first).state == "loaded"


def test_a_partition_knows_its_slices_and_rows(ledger):
    load_id = load_partitions(ledger, "k", {"2024": 5})
    expected = LivePartition(load_id, "s", "2024", ("sample|2024",), 5)
    assert ledger.live_partitions(TABLE) == ledger.live_partitions() == [expected]
    assert ledger.live_partitions("school") == []


def test_a_load_that_filled_no_partition_supersedes_nobody(ledger):
    first = load_partitions(ledger, "k1", {"2024": 5})
    load_partitions(ledger, "k2", {})
    assert live(ledger) == {"2024": first}


def test_recording_the_partitions_of_a_load_again_changes_nothing(ledger):
    first = load_partitions(ledger, "k1", {"2024": 5})
    second = load_partitions(ledger, "k2", {"2024": 6})
    ledger.finish_loaded(second, Counts(6, 6, 0, 0), [LoadedPartitions(TABLE, {"2024": 6}, {})])
    assert live(ledger) == {"2024": second}
    assert ledger.load(first).state == "superseded"


def test_a_failure_half_way_leaves_the_earlier_load_live(ledger, monkeypatch):
    first = load_partitions(ledger, "k1", {"2024": 5})

    def crash(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr("warehouse.ledger._supersede_loads_without_partitions", crash)
    with pytest.raises(RuntimeError):
        load_partitions(ledger, "k2", {"2024": 6})
    assert live(ledger) == {"2024": first}
    assert ledger.loads()[0].state == "loading"


def faults(rows: list[int], codes: list[str], fields: list[str | None]) -> pa.Table:
    return pa.table(
        {
            "source_row": pa.array(rows, pa.int32()),
            "code": codes,
            "field": pa.array(fields, pa.string()),
        }
    )


def test_rejected_rows_are_counted_by_code_and_field_with_their_first_rows(ledger):
    load_id = open_load(ledger)
    rows = [9, 3, 4, 5, 6, 7, 2]
    ledger.record_rows(load_id, faults(rows, ["A"] * 6 + ["B"], ["x"] * 6 + [None]), "reject")
    ledger.record_rows(load_id, faults([8], ["C"], [None]), "set_aside")
    assert ledger.rejected_counts(load_id) == [
        RejectedCount("reject", "A", "x", 6, (3, 4, 5, 6, 7)),
        RejectedCount("reject", "B", None, 1, (2,)),
        RejectedCount("set_aside", "C", None, 1, (8,)),
    ]


def test_loads_are_found_by_the_code_of_their_rejected_rows_not_of_those_set_aside(ledger):
    first, second, third = (open_load(ledger, key=key) for key in ("k1", "k2", "k3"))
    ledger.record_rows(first, faults([2, 3], ["A", "A"], ["x", None]), "reject")
    ledger.record_rows(second, faults([2], ["B"], [None]), "reject")
    ledger.record_rows(third, faults([2], ["A"], [None]), "set_aside")
    assert ledger.loads_rejecting("A") == {first}
    assert ledger.loads_rejecting("C") == set()


def test_rejected_rows_may_come_as_a_frame(ledger):
    load_id = open_load(ledger)
    ledger.record_rows(load_id, faults([2, 3], ["A", "A"], [None, "x"]).to_pandas(), "reject")
    assert {c.field for c in ledger.rejected_counts(load_id)} == {None, "x"}


def test_no_rejected_rows_are_no_error(ledger):
    load_id = open_load(ledger)
    ledger.record_rows(load_id, faults([], [], []), "reject")
    assert ledger.rejected_counts(load_id) == []


def test_fifty_thousand_rejected_rows_take_less_than_a_second(ledger):
    load_id = open_load(ledger)
    table = faults(list(range(50_000)), ["A"] * 50_000, [None] * 50_000)
    ledger.record_rows(load_id, table, "reject")
    assert ledger.rejected_counts(load_id)[0].rows == 50_000


def test_flags_are_counts_and_first_rows_the_commonest_first(ledger):
    load_id = open_load(ledger)
    counts = [
        FlagCount("NO_RACE_FLAG", None, 3, (2, 5, 9)),
        FlagCount("LOST_ZERO_REPAIRED", "school_id", 7, (2, 3)),
    ]
    ledger.record_flags(load_id, counts)
    assert ledger.flags(load_id) == counts[::-1]


def test_checks_belong_to_a_load_or_to_a_publication(ledger):
    load_id = open_load(ledger)
    of_load = Check("batch", "rows", "ROW_COUNT_SHIFT", "hold", False, "5", "10")
    of_marts = Check("marts", "range", "PCT_RANGE", "hold", True)
    ledger.record_checks(load_id, [of_load])
    ledger.record_checks("P20261121-0001", [of_marts])
    ledger.record_checks(load_id, [])
    assert ledger.checks(load_id) == [of_load]
    assert ledger.checks("P20261121-0001") == [of_marts]


def test_checks_of_a_build_cut_off_give_way_to_those_of_the_publication(ledger):
    load_id = open_load(ledger)
    publication_id = ledger.new_publication_id()
    failed, passed = (Check("marts", "range", "PCT_RANGE", "hold", passes) for passes in (0, 1))
    for of in (load_id, publication_id):
        ledger.record_checks(of, [failed])
    assert ledger.new_publication_id() == publication_id
    for of in (load_id, publication_id):
        ledger.record_checks(of, [passed])
    assert ledger.checks(publication_id) == [passed]
    assert ledger.checks(load_id) == [failed, passed]


def test_the_last_publication_is_the_last_that_was_published(ledger):
    marts = [MartRecord("mart_achievement", 10, "abc")]
    first = ledger.record_publication({"sample|2024": "x"}, marts)
    fault = Fault("PCT_RANGE", "w", "f", "e", "r")
    held = ledger.record_publication({}, [], state="held", fault=fault)
    published = ledger.last_publication()
    assert published.publication_id == first < held
    assert (dict(published.slices), list(published.marts)) == ({"sample|2024": "x"}, marts)
    with ledger.database.read("ledger") as connection:
        query = f"SELECT code FROM {place(ledger, 'publication')} WHERE state = 'held'"
        assert connection.scalar(sa.text(query)) == "PCT_RANGE"


def test_an_announced_publication_id_is_the_one_that_is_recorded(ledger):
    announced = ledger.new_publication_id()
    assert ledger.record_publication({}, [], publication_id=announced) == announced
    assert ledger.new_publication_id() > announced


def test_a_publication_that_was_shown_and_never_recorded_keeps_its_id_to_itself(ledger):
    shown = ledger.new_publication_id()
    again = ledger.new_publication_id(shown)
    assert shown < again < ledger.new_publication_id(again)


def test_threads_that_open_loads_at_once_get_different_ids(ledger):
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(open_load(ledger) for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == len(set(ids)) == 20


def open_loads(workspace, url: str | None, queue) -> None:
    ledger = Ledger(Database.for_workspace(workspace, url))
    queue.put([open_load(ledger) for _ in range(5)])


def test_processes_that_create_the_ledger_at_once_all_succeed(database):
    url = database.url.render_as_string(hide_password=False) if database.url else None
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [
        context.Process(target=open_loads, args=(database.workspace, url, queue)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    ids = [load_id for _ in processes for load_id in queue.get(timeout=60)]
    for process in processes:
        process.join()
    assert len(set(ids)) == 10


def test_no_column_of_the_ledger_can_hold_a_student():
    from warehouse.ledger_tables import metadata

    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    assert not {name for name in columns if "student" in name or "value" in name}
