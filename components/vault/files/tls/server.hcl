# As server.hcl of a stack without TLS, but that nobody gets in without it.
storage "file" {
  path = "/vault/file"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  tls_cert_file   = "/etc/cdc/server.crt"
  tls_key_file    = "/etc/cdc/server.key"
  tls_min_version = "tls12"
}

# Containers run without IPC_LOCK; keep swap off (or encrypted) on the host.
disable_mlock = true
ui            = false
