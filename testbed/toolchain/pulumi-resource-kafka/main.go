// Pulumi's kafka plug-in: the Terraform provider behind Pulumi's bridge, with the names of the Python SDK pulumi-kafka.
package main

import (
	"github.com/Mongey/terraform-provider-kafka/kafka"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// version is set by the build to the version of the Python SDK.
var version = "0.0.0"

func providerInfo() tfbridge.ProviderInfo {
	return tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(kafka.Provider()),
		Name:    "kafka",
		Version: version,
		Resources: map[string]*tfbridge.ResourceInfo{
			"kafka_acl": {Tok: tokens.Type("kafka:index/acl:Acl"), Fields: map[string]*tfbridge.SchemaInfo{
				"resource_name": {Name: "aclResourceName"},
				"resource_type": {Name: "aclResourceType"},
			}},
			"kafka_quota":                 {Tok: tokens.Type("kafka:index/quota:Quota")},
			"kafka_topic":                 {Tok: tokens.Type("kafka:index/topic:Topic")},
			"kafka_user_scram_credential": {Tok: tokens.Type("kafka:index/userScramCredential:UserScramCredential")},
		},
	}
}

func main() {
	tfbridge.Main("kafka", version, providerInfo(), []byte(`{"name":"kafka","version":"`+version+`"}`))
}
