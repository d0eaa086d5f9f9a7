# What the reconcile job's Vault Agent may do: read the job's two logins, nothing else.
path "cdc/data/reconcile/scylla" {
  capabilities = ["read"]
}

path "cdc/data/reconcile/postgres" {
  capabilities = ["read"]
}
