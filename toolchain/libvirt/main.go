// The libvirt plugin: terraform-provider-libvirt with Pulumi's Terraform bridge.
package main

import (
	"fmt"

	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"

	"plumbline/toolchain/lifetime"
)

// version is the one that the Python SDK pulumi-libvirt requires; the build sets it.
var version = "0.0.0"

// provider maps Terraform's provider to the SDK pulumi-libvirt: tokens, property names, automatic names.
func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            sdkv2.NewProvider(libvirt.Provider()),
		Name:         "libvirt",
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Resources: map[string]*tfbridge.ResourceInfo{
			// The only token of the SDK that is not the standard one.
			"libvirt_cloudinit_disk": {Tok: "libvirt:index/cloudInitDisk:CloudInitDisk"},
		},
	}
	// libvirt_domain is libvirt:index/domain:Domain, and so on.
	info.MustComputeTokens(tokens.SingleModule("libvirt_", "index", tokens.MakeStandard("libvirt")))
	// A resource without a name gets one. A resource with a name is deleted before its replacement is created.
	info.SetAutonaming(255, "-")
	return info
}

func main() {
	lifetime.WithEngine()
	tfbridge.Main("libvirt", version, provider(), fmt.Appendf(nil, `{"name":"libvirt","version":%q}`, version))
}
