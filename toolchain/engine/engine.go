//go:build tools

// Package engine pins the Pulumi engine and command line to one version, checksummed by go.sum.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
