# Metrics for Prometheus, on a port that is never published; the listener answers nothing else.
listener "tcp" {
  address     = "0.0.0.0:8203"
  tls_disable = true
  role        = "metrics_only"
}

telemetry {
  prometheus_retention_time = "24h"
  disable_hostname          = true
}
