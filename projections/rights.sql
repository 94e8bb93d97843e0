-- Every table of the projections belongs to histoire_project, whoever made it: the next process of
-- that role must be able to index and to drop it. Readers read. Applied by each migration and for
-- each new build; may be repeated. Does nothing while the roles are not there.
DO $$
DECLARE
    part regclass;
    able CONSTANT text := CASE WHEN current_setting('server_version_num')::integer < 160000
        THEN 'MEMBER' ELSE 'SET' END;
BEGIN
    IF to_regrole('histoire_project') IS NULL OR to_regrole('histoire_read') IS NULL
        OR to_regrole('histoire_audit') IS NULL OR to_regrole('histoire_erase') IS NULL THEN
        RETURN;
    END IF;
    IF NOT pg_has_role(current_user, 'histoire_project', able) THEN
        RETURN;
    END IF;
    IF NOT has_schema_privilege('histoire_project', 'projection', 'CREATE') THEN
        GRANT USAGE, CREATE ON SCHEMA projection TO histoire_project;
        GRANT USAGE ON SCHEMA projection TO histoire_read, histoire_audit, histoire_erase;
    END IF;
    FOR part IN
        SELECT oid FROM pg_class WHERE relnamespace = 'projection'::regnamespace
        AND relkind IN ('r', 'p') AND relowner <> 'histoire_project'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO histoire_project', part);
        EXECUTE format('GRANT SELECT ON %s TO histoire_read, histoire_audit', part);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO histoire_erase', part);
    END LOOP;
END
$$;
