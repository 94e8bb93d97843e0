-- What is kept beside the log: idempotence, links that wait, dead letters, outcomes, secrets.

-- Messages other than deposits that were applied. position NULL: it changed nothing.
CREATE TABLE applied_message (
    message_id uuid PRIMARY KEY,
    digest bytea NOT NULL,
    position bigint
);

-- Document `by` replaces document `target`, which has not come yet.
CREATE TABLE pending_link (
    target uuid NOT NULL,
    by uuid NOT NULL,
    PRIMARY KEY (target, by)
);

-- raw: the record of the feed, sealed; NULL once it was accepted (the log has it) or erased.
CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    source_offset bigint NOT NULL,
    timestamp_ms bigint NOT NULL,
    received_at timestamptz NOT NULL,
    code text NOT NULL,
    path text,
    message_id uuid,
    software_id text NOT NULL,
    record bigint,
    subject uuid,
    waits_for uuid,
    fingerprint bytea,
    attempt integer NOT NULL DEFAULT 1,
    status text NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'accepted', 'duplicate', 'unchanged', 'discarded')),
    decided_at timestamptz,
    discard_reason text,
    discarded_by text,
    raw bytea
);
ALTER TABLE dead_letter ALTER raw SET STORAGE EXTERNAL;
CREATE INDEX dead_letter_target ON dead_letter (waits_for)
    WHERE status = 'waiting' AND waits_for IS NOT NULL;
CREATE INDEX dead_letter_waiting ON dead_letter (code, id) WHERE status = 'waiting';
CREATE INDEX dead_letter_record ON dead_letter (record) WHERE record IS NOT NULL;
CREATE INDEX dead_letter_subject ON dead_letter (subject) WHERE subject IS NOT NULL;

-- One row per partition and batch: an Avro array of outcomes, published at least once.
CREATE TABLE outcome_batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz
);
ALTER TABLE outcome_batch ALTER payload SET STORAGE EXTERNAL;
CREATE INDEX outcome_batch_unpublished ON outcome_batch (id) WHERE published_at IS NULL;

-- Random keys of this store (identity tokens, author hashes, letters), wrapped by the master key.
CREATE TABLE store_secret (
    name text PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- A person accepted that a partition goes on elsewhere than it stopped (a gap, a topic made anew).
CREATE TABLE accepted_gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    topic_id text NOT NULL,
    from_offset bigint NOT NULL,
    to_offset bigint NOT NULL,
    reason text NOT NULL,
    accepted_by text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
