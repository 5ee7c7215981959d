package main

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

var update = flag.Bool("update", false, "write testdata/properties.json")

// TestProperties compares the names of the plugin's properties, and which are secret, with testdata/properties.json.
// tests/unit/toolchain/test_properties.py compares the same file with the Python SDK.
func TestProperties(t *testing.T) {
	info := tlsProvider()
	described := map[string]any{}
	for name, resource := range info.Resources {
		described[string(resource.Tok)] = properties(info.P.ResourcesMap().Get(name).Schema(), resource.Fields)
	}
	for name, function := range info.DataSources {
		described[string(function.Tok)] = properties(info.P.DataSourcesMap().Get(name).Schema(), function.Fields)
	}
	text, err := json.MarshalIndent(described, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	const file = "testdata/properties.json"
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wanted, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(wanted) != string(text) {
		t.Errorf("the properties differ from %s: run `go test -update` and review its changes", file)
	}
}

// properties returns a type in Pulumi's terms: the kind of each property, with the contents of objects and lists.
func properties(schema shim.SchemaMap, fields map[string]*tfbridge.SchemaInfo) map[string]any {
	described := map[string]any{}
	schema.Range(func(name string, property shim.Schema) bool {
		described[tfbridge.TerraformToPulumiNameV2(name, schema, fields)] = shape(property, fields[name])
		return true
	})
	return described
}

func shape(property shim.Schema, field *tfbridge.SchemaInfo) any {
	var inner any = "value"
	if element, ok := property.Elem().(shim.Resource); ok {
		var fields map[string]*tfbridge.SchemaInfo
		if field != nil && field.Elem != nil {
			fields = field.Elem.Fields
		}
		inner = properties(element.Schema(), fields)
	}
	switch {
	case property.Sensitive():
		return "secret"
	case tfbridge.IsMaxItemsOne(property, field):
		return inner
	case property.Type() == shim.TypeList || property.Type() == shim.TypeSet:
		return []any{inner}
	}
	return inner
}
