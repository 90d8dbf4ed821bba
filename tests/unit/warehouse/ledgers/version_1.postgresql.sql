-- The tables of ledger version 1 as they were made then. Frozen: never edited.
CREATE TABLE ledger_version (
  version INTEGER NOT NULL,
  PRIMARY KEY (version)
);
CREATE TABLE publication (
  publication_id TEXT NOT NULL,
  published_at TIMESTAMP WITH TIME ZONE NOT NULL,
  state TEXT NOT NULL,
  slices JSON NOT NULL,
  marts JSON NOT NULL,
  code TEXT,
  fault_where TEXT,
  fault_found TEXT,
  fault_expected TEXT,
  fault_remedy TEXT,
  PRIMARY KEY (publication_id)
);
CREATE TABLE raw_file (
  sha256 TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  original_name TEXT NOT NULL,
  first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (sha256)
);
CREATE TABLE load (
  load_id TEXT NOT NULL,
  source TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('received', 'loading', 'loaded', 'held', 'failed', 'superseded', 'discarded')),
  load_key TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  sha256 TEXT,
  file_name TEXT,
  district_id TEXT,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE,
  rows_received BIGINT,
  rows_loaded BIGINT,
  rows_quarantined BIGINT,
  rows_set_aside BIGINT,
  code TEXT,
  fault_where TEXT,
  fault_found TEXT,
  fault_expected TEXT,
  fault_remedy TEXT,
  PRIMARY KEY (load_id),
  FOREIGN KEY(sha256) REFERENCES raw_file (sha256)
);
CREATE INDEX ix_load_load_key ON load (load_key);
CREATE INDEX ix_load_sha256 ON load (sha256);
CREATE INDEX ix_load_source ON load (source, state);
CREATE TABLE check_result (
  check_id SERIAL NOT NULL,
  load_id TEXT,
  publication_id TEXT,
  suite TEXT NOT NULL,
  name TEXT NOT NULL,
  code TEXT NOT NULL,
  severity TEXT NOT NULL,
  success BOOLEAN NOT NULL,
  observed TEXT,
  expected TEXT,
  PRIMARY KEY (check_id),
  FOREIGN KEY(load_id) REFERENCES load (load_id)
);
CREATE INDEX ix_check_result_load_id ON check_result (load_id);
CREATE INDEX ix_check_result_publication_id ON check_result (publication_id);
CREATE TABLE flag_count (
  load_id TEXT NOT NULL,
  code TEXT NOT NULL,
  field TEXT NOT NULL,
  rows BIGINT NOT NULL,
  first_rows JSON NOT NULL,
  PRIMARY KEY (load_id, code, field),
  FOREIGN KEY(load_id) REFERENCES load (load_id)
);
CREATE TABLE load_input (
  load_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (load_id, kind, name),
  FOREIGN KEY(load_id) REFERENCES load (load_id)
);
CREATE TABLE load_partition (
  load_id TEXT NOT NULL,
  table_name TEXT NOT NULL,
  source TEXT NOT NULL,
  partition TEXT NOT NULL,
  rows BIGINT NOT NULL,
  slices JSON NOT NULL,
  superseded_by TEXT,
  PRIMARY KEY (load_id, table_name, partition),
  FOREIGN KEY(load_id) REFERENCES load (load_id),
  FOREIGN KEY(superseded_by) REFERENCES load (load_id)
);
CREATE INDEX ix_load_partition ON load_partition (table_name, source, partition);
CREATE TABLE rejected_row (
  load_id TEXT NOT NULL,
  source_row INTEGER NOT NULL,
  code TEXT NOT NULL,
  field TEXT,
  kind TEXT CHECK (kind IN ('reject', 'set_aside')),
  FOREIGN KEY(load_id) REFERENCES load (load_id)
);
CREATE INDEX ix_rejected_row_load_id ON rejected_row (load_id);
CREATE TABLE step (
  load_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  rows_in BIGINT NOT NULL,
  rows_made BIGINT NOT NULL,
  rows_out BIGINT NOT NULL,
  rows_rejected BIGINT NOT NULL,
  rows_set_aside BIGINT NOT NULL,
  seconds FLOAT NOT NULL,
  PRIMARY KEY (load_id, position),
  FOREIGN KEY(load_id) REFERENCES load (load_id)
);
