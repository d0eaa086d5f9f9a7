-- The record of everything that reconcile saw and did. It lives in the target database, so that a repair, its images
-- and the changed row are one transaction.

CREATE TABLE reconciliation_runs (
    run_id              uuid PRIMARY KEY,
    table_name          text NOT NULL,
    target_name         text NOT NULL,
    mode                text NOT NULL CHECK (mode IN ('full', 'incremental')),
    strategy            text NOT NULL CHECK (strategy IN ('lookup', 'merge')),
    repair_policy       text NOT NULL CHECK (repair_policy IN ('none', 'missing', 'mismatch', 'all')),
    dry_run             boolean NOT NULL DEFAULT false,
    window_start        timestamptz,
    window_end          timestamptz,
    fingerprint         text NOT NULL,
    state               text NOT NULL DEFAULT 'running'
        CHECK (state IN ('running', 'interrupted', 'crashed', 'incomplete', 'finished')),
    phase               text NOT NULL DEFAULT 'scan' CHECK (phase IN ('scan', 'extra', 'confirm', 'repair', 'done')),
    owner               uuid NOT NULL,
    host                text NOT NULL,
    process_id          integer NOT NULL,
    attempt             integer NOT NULL DEFAULT 1,
    started_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at            timestamptz,
    running_seconds     double precision NOT NULL DEFAULT 0,
    exit_code           integer,
    waits_by            text CHECK (waits_by IN ('offsets', 'time')),
    lag_seconds         double precision,
    breaker             text,
    notes               text[] NOT NULL DEFAULT '{}',
    ignored_columns     text[] NOT NULL DEFAULT '{}',
    verified_from       timestamptz,
    verified_through    timestamptz
);

COMMENT ON TABLE reconciliation_runs IS 'One row for each run over one table.';
COMMENT ON COLUMN reconciliation_runs.table_name IS 'keyspace.table in ScyllaDB.';
COMMENT ON COLUMN reconciliation_runs.target_name IS 'schema.table in PostgreSQL.';
COMMENT ON COLUMN reconciliation_runs.window_start IS 'Incremental runs: changes since this time were compared.';
COMMENT ON COLUMN reconciliation_runs.window_end IS 'Incremental runs: changes before this time were compared.';
COMMENT ON COLUMN reconciliation_runs.fingerprint IS
    'Schema and comparison rules at the start; a run does not resume with others.';
COMMENT ON COLUMN reconciliation_runs.state IS
    'interrupted, crashed and incomplete runs can be resumed; crashed is set by the next run that finds the lock free.';
COMMENT ON COLUMN reconciliation_runs.owner IS
    'The process that runs it; a process that finds another owner here has lost the run and stops.';
COMMENT ON COLUMN reconciliation_runs.attempt IS '1, and one more for each resume.';
COMMENT ON COLUMN reconciliation_runs.running_seconds IS 'Time spent over all attempts, s.';
COMMENT ON COLUMN reconciliation_runs.waits_by IS
    'How differences were told from changes on their way: offsets of the pipeline, or time alone.';
COMMENT ON COLUMN reconciliation_runs.lag_seconds IS 'Largest lag of the pipeline that the run saw, s.';
COMMENT ON COLUMN reconciliation_runs.breaker IS 'Why repairs stopped; NULL when they did not.';
COMMENT ON COLUMN reconciliation_runs.verified_from IS
    'Start of what a clean run proved: NULL for everything (a full run) while verified_through is set.';
COMMENT ON COLUMN reconciliation_runs.verified_through IS
    'End of what a clean run proved; NULL when it was not clean.';

-- A second fence behind the advisory lock.
CREATE UNIQUE INDEX reconciliation_runs_one_running ON reconciliation_runs (table_name) WHERE state = 'running';
CREATE INDEX reconciliation_runs_by_table ON reconciliation_runs (table_name, started_at DESC);

CREATE TABLE reconciliation_checkpoints (
    run_id      uuid NOT NULL REFERENCES reconciliation_runs ON DELETE CASCADE,
    phase       text NOT NULL CHECK (phase IN ('scan', 'extra', 'confirm', 'repair')),
    unit_number integer NOT NULL,
    kind        text NOT NULL,
    unit_low    bigint NOT NULL DEFAULT 0,
    unit_high   bigint NOT NULL DEFAULT 0,
    streams     bytea[] NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    attempt     integer NOT NULL DEFAULT 0,
    counts      jsonb NOT NULL DEFAULT '{}',
    error       text,
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, phase, unit_number)
);

COMMENT ON TABLE reconciliation_checkpoints IS
    'The units of work of a run. All totals are sums over this table, so a resumed run counts like an unbroken one.';
COMMENT ON COLUMN reconciliation_checkpoints.kind IS 'tokens, log, bucket, extra, confirm or repair.';
COMMENT ON COLUMN reconciliation_checkpoints.unit_low IS
    'tokens: exclusive lower bound. log: start of the slice, ms since 1970.';
COMMENT ON COLUMN reconciliation_checkpoints.unit_high IS
    'tokens: inclusive upper bound. log: end of the slice (exclusive), ms since 1970.';
COMMENT ON COLUMN reconciliation_checkpoints.streams IS 'log: the streams of the CDC log that the unit reads.';
COMMENT ON COLUMN reconciliation_checkpoints.counts IS 'What the unit saw; replaced when the unit is done again.';

CREATE TABLE reconciliation_candidates (
    run_id              uuid NOT NULL REFERENCES reconciliation_runs ON DELETE CASCADE,
    pk_fingerprint      bytea NOT NULL,
    phase               text NOT NULL,
    unit_number         integer NOT NULL,
    pk                  jsonb NOT NULL,
    kind                text NOT NULL,
    differing_columns   text[] NOT NULL DEFAULT '{}',
    source_fingerprint  bytea NOT NULL DEFAULT '',
    target_fingerprint  bytea NOT NULL DEFAULT '',
    target_xmin         text,
    first_seen          timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_looked         timestamptz,
    stable_looks        integer NOT NULL DEFAULT 0,
    looks               integer NOT NULL DEFAULT 0,
    changes             integer NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, pk_fingerprint)
);

COMMENT ON TABLE reconciliation_candidates IS
    'Rows that differed at a look and are not decided: they may only be on their way through the pipeline.';
COMMENT ON COLUMN reconciliation_candidates.target_xmin IS
    'Transaction that wrote the row in PostgreSQL, at the last look.';
COMMENT ON COLUMN reconciliation_candidates.stable_looks IS
    'Looks in a row that saw the same on both sides.';
COMMENT ON COLUMN reconciliation_candidates.changes IS 'Looks that saw either side changed.';

CREATE INDEX reconciliation_candidates_by_unit ON reconciliation_candidates (run_id, phase, unit_number);

CREATE TABLE reconciliation_log (
    log_id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id              uuid NOT NULL REFERENCES reconciliation_runs ON DELETE CASCADE,
    table_name          text NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('missing', 'mismatch', 'extra', 'invalid_key')),
    cause               text NOT NULL,
    state               text NOT NULL CHECK
        (state IN ('open', 'unstable', 'repaired', 'resolved', 'unrepairable', 'superseded')),
    pk                  jsonb NOT NULL,
    pk_fingerprint      bytea NOT NULL,
    differing_columns   text[] NOT NULL DEFAULT '{}',
    diff                jsonb NOT NULL DEFAULT '[]',
    source_fingerprint  bytea NOT NULL DEFAULT '',
    target_fingerprint  bytea NOT NULL DEFAULT '',
    target_xmin         text,
    first_seen          timestamptz NOT NULL,
    confirmed_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    checks              integer NOT NULL,
    changes             integer NOT NULL DEFAULT 0,
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (run_id, table_name, pk_fingerprint, kind)
);

COMMENT ON TABLE reconciliation_log IS 'Differences that were confirmed, and rows that could not be decided (unstable).';
COMMENT ON COLUMN reconciliation_log.state IS
    'open; unstable: changed at every look; repaired; resolved: a later look found both sides equal; unrepairable: '
    'PostgreSQL cannot hold the value; superseded: a later run found the row again.';
COMMENT ON COLUMN reconciliation_log.diff IS
    'The differing cells as text, shortened: name, source, target, rule, writetime_us.';
COMMENT ON COLUMN reconciliation_log.checks IS 'Looks that saw the row differ.';

CREATE INDEX reconciliation_log_unsettled ON reconciliation_log (table_name, pk_fingerprint)
    WHERE state IN ('open', 'unstable', 'unrepairable');
CREATE INDEX reconciliation_log_by_state ON reconciliation_log (table_name, state, kind);

CREATE TABLE reconciliation_repairs (
    repair_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log_id              bigint NOT NULL REFERENCES reconciliation_log ON DELETE CASCADE,
    run_id              uuid NOT NULL REFERENCES reconciliation_runs ON DELETE CASCADE,
    table_name          text NOT NULL,
    attempt             integer NOT NULL,
    action              text NOT NULL CHECK (action IN ('insert', 'update', 'undo_insert', 'undo_update')),
    outcome             text NOT NULL CHECK
        (outcome IN ('applied', 'skipped_changed', 'reverted', 'unrepairable', 'dry_run', 'failed')),
    columns             text[] NOT NULL DEFAULT '{}',
    before              jsonb,
    after               jsonb,
    source_fingerprint  bytea NOT NULL DEFAULT '',
    seen_xmin           text,
    xid                 text,
    detail              text,
    undoes              bigint REFERENCES reconciliation_repairs ON DELETE CASCADE,
    repaired_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    verified_at         timestamptz,
    UNIQUE (log_id, attempt)
);

COMMENT ON TABLE reconciliation_repairs IS
    'What was written to target tables, in the same transaction as the write itself.';
COMMENT ON COLUMN reconciliation_repairs.before IS 'The row before the write, all columns; NULL when there was none.';
COMMENT ON COLUMN reconciliation_repairs.after IS 'The row after the write, all columns; NULL when there is none.';
COMMENT ON COLUMN reconciliation_repairs.seen_xmin IS 'Version of the row that the write was allowed to replace.';
COMMENT ON COLUMN reconciliation_repairs.xid IS 'Version that the write made; undo replaces only this one.';
COMMENT ON COLUMN reconciliation_repairs.verified_at IS
    'When ScyllaDB was read again after the commit; an applied repair without it is verified on resume.';
COMMENT ON COLUMN reconciliation_repairs.undoes IS 'The repair that this one takes back.';

CREATE INDEX reconciliation_repairs_by_run ON reconciliation_repairs (run_id);
CREATE UNIQUE INDEX reconciliation_repairs_undone_once ON reconciliation_repairs (undoes) WHERE outcome = 'applied';
CREATE INDEX reconciliation_repairs_unverified ON reconciliation_repairs (table_name)
    WHERE outcome = 'applied' AND verified_at IS NULL;
