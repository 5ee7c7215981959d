// Package shim exports the provider of terraform-provider-tls, which is in an internal package: Go allows a module whose
// path is below that module's path to import it.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	tls "github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// New returns the provider.
func New() provider.Provider { return tls.New() }
