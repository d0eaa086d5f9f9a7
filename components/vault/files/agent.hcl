# Logs in with a consumer's AppRole and renders its logins to files on a memory-backed volume.
# Environment: VAULT_ADDR is the server, POSTGRES_LOGIN and SCYLLA_LOGIN the paths of the logins,
# CONFIGS the names of this file and of those that add to it.
auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/vault/approle/role-id"
      secret_id_file_path                 = "/vault/file/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  # While Vault does not answer, the files stay as they are.
  exit_on_retry_failure = false
}

template {
  source               = "/vault/templates/scylla.properties.ctmpl"
  destination          = "/vault/secrets/scylla.properties"
  perms                = "0440"
  error_on_missing_key = true
}

template {
  source               = "/vault/templates/postgres.properties.ctmpl"
  destination          = "/vault/secrets/postgres.properties"
  perms                = "0440"
  error_on_missing_key = true
}
