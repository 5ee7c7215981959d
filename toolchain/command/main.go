// The command plugin: command:local:Command, command:remote:Command and command:remote:CopyToRemote with the
// interface of pulumi-command, for machines that cannot download Pulumi's own.
package main

import (
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"plumbline/toolchain/lifetime"
)

// version is the one that the Python SDK pulumi-command requires; the build sets it.
var version = "0.0.0"

func newProvider() (provider.Provider, error) {
	return infer.NewProviderBuilder().WithResources(
		infer.Resource(&LocalCommand{}),
		infer.Resource(&RemoteCommand{}),
		infer.Resource(&CopyToRemote{}),
	).Build()
}

func main() {
	plugin, err := newProvider()
	if err == nil {
		err = plugin.Run(lifetime.WithEngine(), "command", version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
