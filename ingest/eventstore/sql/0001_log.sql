-- The log (DESIGN 6.1, STORE 1). What is here can't be changed later: 300 M rows a year stand on it.

-- One row: the last position given. Advanced under the writers' advisory lock only.
CREATE TABLE log_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL CHECK (position >= 0),
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10);

-- How far each partition of the feed was read, durably, and its line of the balance sheet.
CREATE TABLE source_position (
    source text PRIMARY KEY,
    topic_id text NOT NULL,
    first_offset bigint NOT NULL CHECK (first_offset >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= first_offset),
    last_offset bigint,
    last_leader_epoch integer,
    last_timestamp_ms bigint,
    accepted bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    holes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Partition count of each topic: a change would break the order of a patient and is refused.
CREATE TABLE topic_fact (
    topic text PRIMARY KEY,
    topic_id text NOT NULL,
    partitions integer NOT NULL CHECK (partitions > 0)
);

CREATE SEQUENCE record_seq AS bigint;

-- ins: 16 bytes of a keyed hash of "oid|matricule". A record is for ever, so there are no dates.
CREATE TABLE identity (
    ins uuid NOT NULL,
    record bigint NOT NULL,
    PRIMARY KEY (ins) INCLUDE (record)
);
CREATE INDEX identity_record ON identity (record);

-- Uniqueness and head of each stream: what life-cycle decisions read. Its updates are HOT: never
-- index another column than the key.
CREATE TABLE stream (
    stream uuid PRIMARY KEY,
    record bigint NOT NULL,
    first_position bigint NOT NULL,
    version integer NOT NULL CHECK (version >= 0),
    status smallint NOT NULL,
    flags smallint NOT NULL,
    authors bigint[] NOT NULL,
    replaced_by uuid
) WITH (fillfactor = 90);

-- The dictionary of stable names; a library's topic is a name with schema version 0.
CREATE TABLE event_name (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    schema_version smallint NOT NULL,
    UNIQUE (name, schema_version)
);

CREATE TABLE event (
    position bigint NOT NULL,
    record bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    stream uuid NOT NULL,
    version integer NOT NULL,
    name smallint NOT NULL,
    message_id uuid,
    state bytea NOT NULL,
    PRIMARY KEY (position)
) PARTITION BY RANGE (position);
-- Sealed bytes do not compress: never try.
ALTER TABLE event ALTER state SET STORAGE EXTERNAL;
CREATE INDEX event_record ON event (record, position);
-- Events of applications written with the eventsourcing library alone (record 0); none of ours.
CREATE INDEX event_of_library ON event (stream, version) WHERE record = 0;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER event_is_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Partitions of 20 M positions up to and including the one that holds `upto`; the first position
-- that has none afterwards. ATTACH leaves readers and writers alone, unlike CREATE .. PARTITION OF.
CREATE FUNCTION make_event_partitions(upto bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    size CONSTANT bigint := 20000000;
    low bigint := 0;
    part text;
BEGIN
    PERFORM pg_advisory_xact_lock(7201, 2);
    LOOP
        part := 'event_' || lpad((low / size)::text, 5, '0');
        IF to_regclass('public.' || part) IS NULL THEN
            EXIT WHEN low > upto;
            EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING DEFAULTS INCLUDING STORAGE,'
                           ' CHECK (position >= %s AND position < %s))', part, low, low + size);
            EXECUTE format('CREATE TRIGGER event_is_for_ever BEFORE UPDATE OR DELETE OR TRUNCATE'
                           ' ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part);
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC', part);
            EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                           part, low, low + size);
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', part, part || '_position_check');
        END IF;
        low := low + size;
    END LOOP;
    RETURN low;
END
$$;

REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON event FROM PUBLIC;
REVOKE ALL ON FUNCTION make_event_partitions(bigint) FROM PUBLIC;

INSERT INTO log_head (position, recorded_at) VALUES (0, clock_timestamp());
SELECT make_event_partitions(20000000);
