-- A few rows of every table of version 1; what they say is invented.
INSERT INTO ledger_version (version) VALUES (1);
INSERT INTO raw_file (sha256, size_bytes, original_name, first_seen_at) VALUES ('aa', 10, 'one.csv', '2026-01-02 03:04:05');
INSERT INTO raw_file (sha256, size_bytes, original_name, first_seen_at) VALUES ('bb', 20, 'two.csv', '2026-01-03 03:04:05');
INSERT INTO load (load_id, source, state, load_key, attempt, sha256, file_name, started_at) VALUES ('L20260102-0001', 'plain', 'superseded', 'k1', 1, 'aa', 'one.csv', '2026-01-02 03:04:05');
INSERT INTO load (load_id, source, state, load_key, attempt, sha256, file_name, started_at) VALUES ('L20260103-0001', 'plain', 'loaded', 'k2', 1, 'bb', 'two.csv', '2026-01-03 03:04:05');
INSERT INTO load_input (load_id, kind, name, hash) VALUES ('L20260103-0001', 'file', 'two.csv', 'bb');
INSERT INTO load_partition (load_id, table_name, source, partition, rows, slices, superseded_by) VALUES ('L20260102-0001', 'student_result', 'plain', '2026', 3, '["a|2026"]', 'L20260103-0001');
INSERT INTO load_partition (load_id, table_name, source, partition, rows, slices) VALUES ('L20260103-0001', 'student_result', 'plain', '2026', 4, '["a|2026"]');
INSERT INTO step (load_id, position, name, rows_in, rows_made, rows_out, rows_rejected, rows_set_aside, seconds) VALUES ('L20260103-0001', 1, 'rows', 5, 0, 4, 1, 0, 0.5);
INSERT INTO publication (publication_id, published_at, state, slices, marts) VALUES ('P20260103-0001', '2026-01-03 04:00:00', 'published', '{"a|2026": "f"}', '[]');
INSERT INTO check_result (load_id, suite, name, code, severity, success) VALUES ('L20260103-0001', 'batch', 'rows', 'ROW_COUNT_SHIFT', 'hold', true);
INSERT INTO rejected_row (load_id, source_row, code, field, kind) VALUES ('L20260103-0001', 2, 'BAD_FORMAT', 'student_id', 'reject');
INSERT INTO flag_count (load_id, code, field, rows, first_rows) VALUES ('L20260103-0001', 'TWO_SCHOOLS', '', 2, '[3, 4]');
