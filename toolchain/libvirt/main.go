// The libvirt plugin: the provider terraform-provider-libvirt 0.8 behind Pulumi's Terraform bridge.
package main

import (
	"fmt"

	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// version is what the Python SDK pulumi-libvirt asks for; the build sets it.
var version = "0.5.4"

func main() {
	info := tfbridge.ProviderInfo{
		P:            sdkv2.NewProvider(libvirt.Provider()),
		Name:         "libvirt",
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
	}
	// The SDK's tokens are the bridge's standard ones: libvirt_domain is libvirt:index/domain:Domain.
	info.MustComputeTokens(tokens.SingleModule("libvirt_", "index", tokens.MakeStandard("libvirt")))
	tfbridge.Main("libvirt", version, info, fmt.Appendf(nil, `{"name":"libvirt","version":%q}`, version))
}
