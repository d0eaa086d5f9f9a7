# Metrics for Prometheus, on a port that is never published, to everybody in the stack's network: they hold no secret.
listener "tcp" {
  address     = "0.0.0.0:8202"
  tls_disable = true

  telemetry {
    unauthenticated_metrics_access = true
  }
}

telemetry {
  prometheus_retention_time = "24h"
  disable_hostname          = true
}
