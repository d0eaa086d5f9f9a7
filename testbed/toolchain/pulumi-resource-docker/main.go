// Pulumi's docker plug-in: the Terraform provider behind Pulumi's bridge, with the names of the Python SDK pulumi-docker.
package main

import (
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// version is set by the build to the version of the Python SDK.
var version = "0.0.0"

func tok(name string) tokens.Type {
	return tokens.Type("docker:index/" + strings.ToLower(name[:1]) + name[1:] + ":" + name)
}

func providerInfo() tfbridge.ProviderInfo {
	return tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(provider.New(version)()),
		Name:    "docker",
		Version: version,
		Config:  map[string]*tfbridge.SchemaInfo{"registry_auth": {Name: "registryAuth"}},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_config": {Tok: tok("ServiceConfig")},
			"docker_container": {Tok: tok("Container"), DeleteBeforeReplace: true, Fields: map[string]*tfbridge.SchemaInfo{
				"command":           {Name: "command"},
				"networks_advanced": {Name: "networksAdvanced"},
			}},
			"docker_image":   {Tok: tok("RemoteImage")},
			"docker_network": {Tok: tok("Network")},
			"docker_secret":  {Tok: tok("Secret")},
			"docker_service": {Tok: tok("Service")},
			"docker_tag":     {Tok: tok("Tag")},
			"docker_volume":  {Tok: tok("Volume")},
		},
	}
}

func main() {
	tfbridge.Main("docker", version, providerInfo(), []byte(`{"name":"docker","version":"`+version+`"}`))
}
