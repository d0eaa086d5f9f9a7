-- All runs, oldest first, with whether their process shows signs of life.
SELECT run_id, table_name, mode, state, attempt, ended_at, running_seconds, exit_code, lag_seconds,
       breaker IS NOT NULL AS breaker_tripped,
       state = 'running' AND heartbeat_at > clock_timestamp() - interval '60 seconds' AS in_progress
FROM reconciliation_runs
ORDER BY started_at
