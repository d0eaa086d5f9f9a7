# What a person who operates the stack may do: read the logins of the databases' administrators. Each reading is in the audit log.
path "cdc/data/scylla" {
  capabilities = ["read"]
}

path "cdc/data/postgres" {
  capabilities = ["read"]
}

path "cdc/metadata/" {
  capabilities = ["list"]
}
