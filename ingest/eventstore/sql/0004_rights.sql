-- Roles and what each may do here. The names and what they are for: ingest/eventstore/rights.py.
-- Files `*_rights.sql` are applied again by every migration, so they also serve a server on which
-- somebody else makes the roles, later; every statement may be repeated.
DO $$
DECLARE
    wanted text;
    part text;
    owner text;
    able CONSTANT text := CASE WHEN current_setting('server_version_num')::integer < 160000
        THEN 'MEMBER' ELSE 'SET' END;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['histoire_ingest', 'histoire_relay', 'histoire_project',
        'histoire_read', 'histoire_audit', 'histoire_library', 'histoire_erase', 'histoire_feed']
    LOOP
        CONTINUE WHEN to_regrole(wanted) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            -- Roles belong to the server: the migration of another database was faster.
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END LOOP;
    -- Tables of projections are made by whoever migrates and given to histoire_project.
    IF NOT pg_has_role(current_user, 'histoire_project', able) THEN
        BEGIN
            EXECUTE format('GRANT histoire_project TO %I', current_user);
        EXCEPTION
            WHEN insufficient_privilege THEN NULL;
        END;
    END IF;

    GRANT USAGE ON SCHEMA public TO histoire_ingest, histoire_relay, histoire_project,
        histoire_read, histoire_audit, histoire_library, histoire_erase;
    -- Needed to open the store at all. The secrets are wrapped by the master key.
    GRANT SELECT ON migration, store_secret TO histoire_ingest, histoire_relay, histoire_project,
        histoire_read, histoire_audit, histoire_library, histoire_erase;

    -- Ingestion reads what its decisions rest on, and adds. What it may change is named by column.
    GRANT SELECT, INSERT ON event, event_name, identity, topic_fact, applied_message,
        source_position, stream, dead_letter TO histoire_ingest;
    GRANT SELECT, INSERT, DELETE ON pending_link TO histoire_ingest;
    GRANT INSERT ON outcome_batch, accepted_gap TO histoire_ingest;
    GRANT SELECT ON log_head TO histoire_ingest;
    GRANT UPDATE ON log_head TO histoire_ingest;
    GRANT USAGE ON SEQUENCE record_seq TO histoire_ingest;
    GRANT UPDATE (topic_id, first_offset, next_offset, last_offset, last_leader_epoch,
        last_timestamp_ms, accepted, duplicate, unchanged, rejected, events, holes)
        ON source_position TO histoire_ingest;
    GRANT UPDATE (version, status, flags, authors, replaced_by) ON stream TO histoire_ingest;
    GRANT UPDATE (attempt, decided_at, status, code, path, raw, discard_reason, discarded_by)
        ON dead_letter TO histoire_ingest;
    GRANT EXECUTE ON FUNCTION make_event_partitions(bigint) TO histoire_ingest, histoire_library;

    GRANT SELECT, DELETE ON outcome_batch TO histoire_relay;
    GRANT UPDATE (published_at) ON outcome_batch TO histoire_relay;

    GRANT SELECT ON event, event_name TO histoire_project;

    -- From an INS to the number of its record, no further: no event, no letter, no stream.
    GRANT SELECT ON identity TO histoire_read;

    GRANT SELECT ON log_head, source_position, topic_fact, identity, stream, event_name, event,
        applied_message, pending_link, dead_letter, outcome_batch, accepted_gap, library_tracking
        TO histoire_audit;
    GRANT SELECT ON SEQUENCE record_seq TO histoire_audit;

    GRANT SELECT, INSERT ON event, event_name, stream, library_tracking TO histoire_library;
    GRANT SELECT, UPDATE ON log_head TO histoire_library;
    GRANT UPDATE (version, status, flags, authors, replaced_by) ON stream TO histoire_library;
    GRANT UPDATE (notification_id) ON library_tracking TO histoire_library;

    GRANT SELECT ON identity, event, event_name TO histoire_erase;
    GRANT SELECT, DELETE ON dead_letter TO histoire_erase;

    -- Nobody changes an event. An owner could give himself the right again; he would have to say
    -- so, and the trigger refuses all the same.
    SELECT pg_get_userbyid(relowner) INTO owner FROM pg_class WHERE oid = 'event'::regclass;
    FOR part IN
        SELECT 'event' UNION ALL
        SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM PUBLIC, %I', part, owner);
    END LOOP;
END
$$;
