-- The target of test_reconcile_races.py. The audit tells which transactions really changed a row.
DROP SCHEMA IF EXISTS repair_races CASCADE;
CREATE SCHEMA repair_races;

CREATE TABLE repair_races.rows (id integer PRIMARY KEY, label text, number integer, kept text);

CREATE TABLE repair_races.audit (
    position bigint GENERATED ALWAYS AS IDENTITY, id integer, operation text, xid text, application text);

CREATE FUNCTION repair_races.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO repair_races.audit (id, operation, xid, application)
    VALUES (coalesce(NEW.id, OLD.id), lower(TG_OP), pg_current_xact_id()::xid::text,
        current_setting('application_name'));
    RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON repair_races.rows
    FOR EACH ROW EXECUTE FUNCTION repair_races.note();
