-- Stops a run at chosen writes to its own tables: a barrier that is named in table `barriers` makes the write wait for
-- the advisory lock that the test holds. Every write to the target is noted.

CREATE TABLE barriers (name text PRIMARY KEY);

CREATE FUNCTION stop_at_barrier() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
DECLARE
    rows_there bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM barriers WHERE name = TG_ARGV[0]) THEN
        EXECUTE format('SELECT count(*) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO rows_there;
        IF rows_there >= TG_ARGV[1]::bigint THEN
            PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_SCHEMA, 0));
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER scan BEFORE UPDATE ON reconciliation_checkpoints FOR EACH ROW
    WHEN (NEW.phase = 'scan' AND NEW.state = 'done' AND NEW.unit_number = 20)
    EXECUTE FUNCTION stop_at_barrier('scan', 0);
CREATE TRIGGER extra BEFORE INSERT ON reconciliation_checkpoints FOR EACH ROW
    WHEN (NEW.phase = 'extra') EXECUTE FUNCTION stop_at_barrier('extra', 0);
CREATE TRIGGER between BEFORE UPDATE ON reconciliation_runs FOR EACH ROW
    WHEN (NEW.phase = 'confirm' AND OLD.phase <> 'confirm') EXECUTE FUNCTION stop_at_barrier('between', 0);
CREATE TRIGGER settle BEFORE UPDATE ON reconciliation_candidates FOR EACH ROW
    WHEN (NEW.looks = 2) EXECUTE FUNCTION stop_at_barrier('settle', 0);
CREATE TRIGGER confirm BEFORE INSERT ON reconciliation_log FOR EACH ROW
    EXECUTE FUNCTION stop_at_barrier('confirm', 510);
CREATE TRIGGER repair BEFORE INSERT ON reconciliation_repairs FOR EACH ROW
    EXECUTE FUNCTION stop_at_barrier('repair', 300);
CREATE TRIGGER verify BEFORE UPDATE ON reconciliation_repairs FOR EACH ROW
    WHEN (OLD.verified_at IS NULL) EXECUTE FUNCTION stop_at_barrier('verify', 0);
CREATE TRIGGER finish BEFORE UPDATE ON reconciliation_runs FOR EACH ROW
    WHEN (NEW.state = 'finished') EXECUTE FUNCTION stop_at_barrier('finish', 0);

CREATE TABLE writes (
    part integer, id integer, operation text, xid text, application text DEFAULT current_setting('application_name'));

CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO resume_check.writes (part, id, operation, xid)
    VALUES (coalesce(NEW.part, OLD.part), coalesce(NEW.id, OLD.id), lower(TG_OP), pg_current_xact_id()::xid::text);
    RETURN NULL;
END $$;

CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON rows FOR EACH ROW EXECUTE FUNCTION note_write();
