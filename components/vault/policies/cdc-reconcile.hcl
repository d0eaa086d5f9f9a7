# What the reconcile job's Vault Agent may do: read the job's login of ScyllaDB and have one of PostgreSQL made.
path "cdc-database/static-creds/cdc_reconcile" {
  capabilities = ["read"]
}

path "cdc-database/creds/reconcile" {
  capabilities = ["read"]
}
