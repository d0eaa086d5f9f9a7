# One node, data on a volume. TLS is off: the port is published on the loopback address only.
storage "file" {
  path = "/vault/file"
}

listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}

# Containers run without IPC_LOCK; keep swap off (or encrypted) on the host.
disable_mlock = true
ui            = false
