// The tls plugin: terraform-provider-tls with Pulumi's Terraform bridge.
package main

import (
	"context"
	"fmt"

	tlsprovider "github.com/hashicorp/terraform-provider-tls/shim"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	bridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"plumbline/toolchain/lifetime"
)

// version is the one that the Python SDK pulumi-tls requires; the build sets it.
var version = "0.0.0"

// tlsProvider maps Terraform's provider to the SDK pulumi-tls, whose tokens are the bridge's standard ones:
// tls_private_key is tls:index/privateKey:PrivateKey.
func tlsProvider() bridge.ProviderInfo {
	info := bridge.ProviderInfo{
		P:                              tfbridge.ShimProvider(tlsprovider.New()),
		Name:                           "tls",
		Version:                        version,
		MetadataInfo:                   bridge.NewProviderMetadata([]byte("{}")),
		EnableZeroDefaultSchemaVersion: true,
	}
	info.MustComputeTokens(tokens.SingleModule("tls_", "index", tokens.MakeStandard("tls")))
	for name, found := range info.Resources {
		found.PreCheckCallback = refuseUnknown(info.P.ResourcesMap().Get(name).Schema())
	}
	return info
}

// refuseUnknown returns an error for inputs that the provider does not have. The SDK has some of a later release
// (maxPathLength, and keys that are not stored); the bridge alone would ignore them.
func refuseUnknown(schema shim.SchemaMap) bridge.PreCheckCallback {
	known := map[resource.PropertyKey]bool{}
	schema.Range(func(name string, _ shim.Schema) bool {
		known[resource.PropertyKey(bridge.TerraformToPulumiNameV2(name, schema, nil))] = true
		return true
	})
	return func(_ context.Context, inputs, _ resource.PropertyMap) (resource.PropertyMap, error) {
		for name, value := range inputs {
			if !known[name] && !value.IsNull() && !resource.IsInternalPropertyKey(name) {
				return nil, fmt.Errorf("this build of the tls plugin does not support %q: remove it, or use Pulumi's own "+
					"plugin tls %s", name, version)
			}
		}
		return inputs, nil
	}
}

func main() {
	schema := fmt.Sprintf(`{"name":"tls","version":%q}`, version)
	tfbridge.Main(lifetime.WithEngine(), "tls", tlsProvider(), tfbridge.ProviderMetadata{
		PackageSchema:  []byte(schema),
		BridgeMetadata: []byte("{}"),
	})
}
