# As server-metrics.hcl of a stack without TLS: this listener takes every other request as well, with a token.
listener "tcp" {
  address         = "0.0.0.0:8202"
  tls_cert_file   = "/etc/cdc/server.crt"
  tls_key_file    = "/etc/cdc/server.key"
  tls_min_version = "tls12"

  telemetry {
    unauthenticated_metrics_access = true
  }
}

telemetry {
  prometheus_retention_time = "24h"
  disable_hostname          = true
}
