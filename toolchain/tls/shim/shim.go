// Package shim opens the provider of terraform-provider-tls, which lies in an internal package: Go lets a module
// whose path is below that module's own import it.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	tls "github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// New returns the provider.
func New() provider.Provider { return tls.New() }
