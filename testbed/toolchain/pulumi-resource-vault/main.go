// Pulumi's vault plug-in: the Terraform provider behind Pulumi's bridge, with the names of the Python SDK pulumi-vault.
package main

import (
	"strings"

	"github.com/hashicorp/terraform-provider-vault/vault"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// version is set by the build to the version of the Python SDK.
var version = "0.0.0"

func tok(module, name string) tokens.Type {
	return tokens.Type("vault:" + module + "/" + strings.ToLower(name[:1]) + name[1:] + ":" + name)
}

func providerInfo() tfbridge.ProviderInfo {
	return tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(vault.Provider()),
		Name:    "vault",
		Version: version,
		Config: map[string]*tfbridge.SchemaInfo{
			"auth_login": {Name: "authLogin", MaxItemsOne: tfbridge.True()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"vault_approle_auth_backend_role":           {Tok: tok("appRole", "AuthBackendRole")},
			"vault_approle_auth_backend_role_secret_id": {Tok: tok("appRole", "AuthBackendRoleSecretId")},
			"vault_audit":        {Tok: tok("index", "Audit")},
			"vault_auth_backend": {Tok: tok("index", "AuthBackend")},
			"vault_database_secret_backend_connection":  {Tok: tok("database", "SecretBackendConnection")},
			"vault_database_secret_backend_role":        {Tok: tok("database", "SecretBackendRole")},
			"vault_database_secret_backend_static_role": {Tok: tok("database", "SecretBackendStaticRole")},
			"vault_generic_secret":                      {Tok: tok("generic", "Secret")},
			"vault_mount":                               {Tok: tok("index", "Mount")},
			"vault_policy":                              {Tok: tok("index", "Policy")},
			"vault_token":                               {Tok: tok("index", "Token")},
		},
	}
}

func main() {
	tfbridge.Main("vault", version, providerInfo(), []byte(`{"name":"vault","version":"`+version+`"}`))
}
