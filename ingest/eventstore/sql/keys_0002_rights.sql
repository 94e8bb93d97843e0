-- What each role may do with the data keys. May be repeated; see 0004_rights.sql.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['histoire_ingest', 'histoire_relay', 'histoire_project',
        'histoire_read', 'histoire_audit', 'histoire_library', 'histoire_erase', 'histoire_feed']
    LOOP
        CONTINUE WHEN to_regrole(wanted) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END LOOP;

    GRANT USAGE ON SCHEMA public TO histoire_ingest, histoire_relay, histoire_project,
        histoire_read, histoire_audit, histoire_library, histoire_erase;
    GRANT SELECT ON migration TO histoire_ingest, histoire_relay, histoire_project,
        histoire_read, histoire_audit, histoire_library, histoire_erase;

    GRANT SELECT ON record_key, erasure_count TO histoire_ingest, histoire_project,
        histoire_audit, histoire_library, histoire_erase;
    GRANT INSERT ON record_key TO histoire_ingest;
    -- Whether a record was erased; never its key.
    GRANT SELECT (record, erased_at) ON record_key TO histoire_read;
    -- Destroying a key is nobody else's business.
    GRANT UPDATE (wrapped, erased_at) ON record_key TO histoire_erase;
    GRANT UPDATE (erasures) ON erasure_count TO histoire_erase;
END
$$;
