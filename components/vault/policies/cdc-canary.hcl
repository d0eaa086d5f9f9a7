# What the canary's Vault Agent may do: read the canary's two logins, nothing else.
path "cdc/data/canary/scylla" {
  capabilities = ["read"]
}

path "cdc/data/canary/postgres" {
  capabilities = ["read"]
}
