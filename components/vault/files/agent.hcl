# Logs in with a consumer's AppRole and renders its logins to files on a memory-backed volume.
# VAULT_ADDR is the server, SECRETS the path below which the logins are.
auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/vault/approle/role-id"
      secret_id_file_path                 = "/vault/approle/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  # KV secrets have no lease; this is how soon a changed one reaches the file.
  static_secret_render_interval = "10s"
  exit_on_retry_failure         = false
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
