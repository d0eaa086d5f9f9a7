# What the canary's Vault Agent may do: read the canary's two logins, nothing else.
path "cdc-database/static-creds/cdc_canary" {
  capabilities = ["read"]
}

path "cdc-database/static-creds/cdc_canary_reader" {
  capabilities = ["read"]
}
