-- Housekeeping removes what is past its retention; it reads events to know which bytes are orphans.
-- A role beside that of the relay, whose process does it unless a timer of its own does.
DO $$
BEGIN
    IF to_regrole('histoire_housekeep') IS NULL THEN
        BEGIN
            CREATE ROLE histoire_housekeep NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;
    GRANT USAGE ON SCHEMA public TO histoire_housekeep;
    GRANT SELECT ON migration, store_secret, source_position, event, event_name
        TO histoire_housekeep;
    GRANT SELECT, DELETE ON outcome_batch TO histoire_housekeep;
END
$$;
