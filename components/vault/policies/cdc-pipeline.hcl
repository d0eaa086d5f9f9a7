# What the Connect workers' Vault Agent may do: read the connectors' two logins, nothing else.
path "cdc-database/static-creds/cdc_reader" {
  capabilities = ["read"]
}

path "cdc-database/static-creds/cdc_writer" {
  capabilities = ["read"]
}
