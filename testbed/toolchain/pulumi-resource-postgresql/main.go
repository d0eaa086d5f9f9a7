// Pulumi's postgresql plug-in: the Terraform provider behind Pulumi's bridge, with the names of the Python SDK
// pulumi-postgresql.
package main

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-sdk/helper/schema"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv1 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v1"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-postgresql/postgresql"
)

// version is set by the build to the version of the Python SDK.
var version = "0.0.0"

func tok(name string) tokens.Type {
	return tokens.Type("postgresql:index/" + strings.ToLower(name[:1]) + name[1:] + ":" + name)
}

func providerInfo() tfbridge.ProviderInfo {
	return tfbridge.ProviderInfo{
		P:       shimv1.NewProvider(postgresql.Provider().(*schema.Provider)),
		Name:    "postgresql",
		Version: version,
		Resources: map[string]*tfbridge.ResourceInfo{
			"postgresql_database":           {Tok: tok("Database")},
			"postgresql_default_privileges": {Tok: tok("DefaultPrivileges")},
			"postgresql_extension":          {Tok: tok("Extension")},
			"postgresql_grant":              {Tok: tok("Grant")},
			"postgresql_role":               {Tok: tok("Role")},
			"postgresql_schema":             {Tok: tok("Schema")},
		},
	}
}

func main() {
	tfbridge.Main("postgresql", version, providerInfo(), []byte(`{"name":"postgresql","version":"`+version+`"}`))
}
