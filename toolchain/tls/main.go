// The tls plugin: the provider terraform-provider-tls behind Pulumi's Terraform bridge.
package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-provider-tls/shim"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	bridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
)

// version is what the Python SDK pulumi-tls asks for; the build sets it.
var version = "5.6.2"

func main() {
	info := bridge.ProviderInfo{
		P:            tfbridge.ShimProvider(shim.New()),
		Name:         "tls",
		Version:      version,
		MetadataInfo: bridge.NewProviderMetadata([]byte("{}")),
	}
	// The SDK's tokens are the bridge's standard ones: tls_private_key is tls:index/privateKey:PrivateKey.
	info.MustComputeTokens(tokens.SingleModule("tls_", "index", tokens.MakeStandard("tls")))
	schema := fmt.Sprintf(`{"name":"tls","version":%q}`, version)
	tfbridge.Main(context.Background(), "tls", info, tfbridge.ProviderMetadata{
		PackageSchema:  []byte(schema),
		BridgeMetadata: []byte("{}"),
	})
}
