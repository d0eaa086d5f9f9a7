# What the Connect workers' Vault Agent may do: read the connectors' two secrets, nothing else.
path "cdc/data/scylla" {
  capabilities = ["read"]
}

path "cdc/data/postgres" {
  capabilities = ["read"]
}
