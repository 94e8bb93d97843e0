-- The names of the bytes of a record are made with its key. May be repeated.
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
    GRANT SELECT ON migration, record_key, erasure_count TO histoire_housekeep;
END
$$;
