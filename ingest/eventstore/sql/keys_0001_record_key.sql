-- The data keys, on a server of their own where wanted: its backups can be shorter than the log's.

-- Erased rows stay: a record without a row is a fault, an erased one is a fact.
CREATE TABLE record_key (
    record bigint PRIMARY KEY,
    wrapped bytea,
    erased_at timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);

-- Read once per batch: a process whose number differs drops all its cached keys.
CREATE TABLE erasure_count (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    erasures bigint NOT NULL
);
INSERT INTO erasure_count (erasures) VALUES (0);
