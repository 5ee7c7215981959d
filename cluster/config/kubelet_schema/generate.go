// Writes the schema of a component's configuration files in one Kubernetes version as JSON: of the kubelet's by default,
// with its feature gates, else of kube-proxy's or kube-apiserver's.
//
//	go run cluster/config/kubelet_schema/generate.go v1.<minor>.<patch> >cluster/config/kubelet_schema/v1.<minor>.json
//	go run cluster/config/kubelet_schema/generate.go v1.<minor>.<patch> COMPONENT >cluster/config/kubelet_schema/COMPONENT-v1.<minor>.json
//
// It reads the source of Kubernetes' modules from the module cache, which `go mod download` fills. It builds nothing.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

type gate struct {
	Default  bool     `json:"default"`
	Locked   bool     `json:"locked,omitempty"`
	Requires []string `json:"requires,omitempty"`
}

type schema struct {
	Version string                       `json:"version"`
	Types   map[string]map[string]string `json:"types"`
	Enums   map[string][]string          `json:"enums"`
	Gates   map[string]*gate             `json:"gates"`
}

// A component's configuration files: their types, and the sources with the types, each as module and path below it.
type component struct {
	roots   []string
	sources [][2]string
}

var components = map[string]component{
	"kubelet": {
		[]string{"KubeletConfiguration"},
		[][2]string{
			{"k8s.io/kubelet", "config/v1beta1/types.go"},
			{"k8s.io/component-base", "logs/api/v1/types.go"},
			{"k8s.io/component-base", "tracing/api/v1/types.go"},
		},
	},
	"kube-proxy": {
		[]string{"KubeProxyConfiguration"},
		[][2]string{
			{"k8s.io/kube-proxy", "config/v1alpha1/types.go"},
			{"k8s.io/component-base", "config/v1alpha1/types.go"},
			{"k8s.io/component-base", "logs/api/v1/types.go"},
		},
	},
	"kube-apiserver": {
		[]string{"AuthenticationConfiguration", "Policy"},
		[][2]string{
			{"k8s.io/apiserver", "pkg/apis/apiserver/v1/types.go"},
			{"k8s.io/apiserver", "pkg/apis/audit/v1/types.go"},
		},
	},
}

// Types of other packages, with the names that the Python reader uses.
var known = map[string]string{
	"metav1.Duration": "duration", "TimeOrMetaDuration": "duration or nanoseconds", "resource.QuantityValue": "quantity",
	"v1.ResourceList": "map of quantity", "v1.Taint": "taint", "metav1.ObjectMeta": "object", "int32": "integer", "int64": "integer", "uint32": "integer",
	"float32": "number", "float64": "number", "string": "text", "bool": "boolean",
}

var minor int

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 || !strings.HasPrefix(os.Args[1], "v1.") {
		fail("the arguments must be a Kubernetes version, v1.<minor>.<patch>, and a component, if it is not the kubelet")
	}
	version, name := os.Args[1], "kubelet"
	if len(os.Args) == 3 {
		name = os.Args[2]
	}
	described, ok := components[name]
	if !ok {
		fail("no component is named " + name)
	}
	minor, _ = strconv.Atoi(strings.Split(version, ".")[1])
	staging := "v0" + strings.TrimPrefix(version, "v1")
	found := schema{version, map[string]map[string]string{}, map[string][]string{}, map[string]*gate{}}
	types := map[string]ast.Expr{}
	for _, source := range described.sources {
		declared(parse(filepath.Join(module(source[0], staging), source[1])), types, found.Enums)
	}
	for _, root := range described.roots {
		found.add(root, types)
	}
	for name := range found.Enums {
		if !used(found.Types, name) {
			delete(found.Enums, name)
		}
	}
	if name == "kubelet" {
		gates(&found, version, staging)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(found); err != nil {
		fail(err.Error())
	}
}

// declared collects a file's types, and the values of its string types.
func declared(file *ast.File, types map[string]ast.Expr, enums map[string][]string) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch one := node.(type) {
		case *ast.TypeSpec:
			types[one.Name.Name] = one.Type
		case *ast.ValueSpec:
			if kind, ok := one.Type.(*ast.Ident); ok && len(one.Values) == 1 {
				enums[kind.Name] = append(enums[kind.Name], text(one.Values[0]))
			}
		}
		return true
	})
}

// add describes a struct by its fields' JSON names, and every struct that it holds.
func (s *schema) add(name string, types map[string]ast.Expr) {
	if s.Types[name] != nil {
		return
	}
	fields := map[string]string{}
	s.Types[name] = fields
	s.fields(types[name].(*ast.StructType), fields, types)
}

func (s *schema) fields(one *ast.StructType, fields map[string]string, types map[string]ast.Expr) {
	for _, field := range one.Fields.List {
		tag := ""
		if field.Tag != nil {
			tag, _ = strconv.Unquote(field.Tag.Value)
		}
		name, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if options == "inline" || tag == "" {
			if embedded, ok := field.Type.(*ast.Ident); ok {
				s.fields(types[embedded.Name].(*ast.StructType), fields, types)
			} else {
				fields["apiVersion"], fields["kind"] = "text", "text"
			}
		} else {
			fields[name] = s.kind(field.Type, types)
		}
	}
}

func (s *schema) kind(expression ast.Expr, types map[string]ast.Expr) string {
	switch one := expression.(type) {
	case *ast.StarExpr:
		return s.kind(one.X, types)
	case *ast.ArrayType:
		return "list of " + s.kind(one.Elt, types)
	case *ast.MapType:
		return "map of " + s.kind(one.Value, types)
	}
	name := qualified(expression)
	if words, ok := known[name]; ok {
		return words
	}
	name = name[strings.LastIndex(name, ".")+1:]
	switch below := types[name].(type) {
	case *ast.StructType:
		s.add(name, types)
		return name
	case nil:
		fail("the type " + name + " is not known: say in `known` what it is")
	case *ast.Ident:
		if len(s.Enums[name]) > 0 {
			return name
		}
		return s.kind(below, types)
	default:
		return s.kind(below, types)
	}
	return ""
}

func used(types map[string]map[string]string, name string) bool {
	for _, fields := range types {
		for _, kind := range fields {
			if strings.HasSuffix(kind, name) {
				return true
			}
		}
	}
	return false
}

// gates collects the feature gates that the kubelet registers: Kubernetes' own, and those of its libraries.
func gates(found *schema, version, staging string) {
	names := map[string]string{}
	files := []*ast.File{}
	for _, folder := range []string{
		filepath.Join(module("k8s.io/kubernetes", version), "pkg/features"),
		filepath.Join(module("k8s.io/apiextensions-apiserver", staging), "pkg/features"),
		filepath.Join(module("k8s.io/apiserver", staging), "pkg/features"),
		filepath.Join(module("k8s.io/client-go", staging), "features"),
		filepath.Join(module("k8s.io/component-base", staging), "logs/api/v1"),
		filepath.Join(module("k8s.io/component-base", staging), "metrics/features"),
		filepath.Join(module("k8s.io/component-base", staging), "zpages/features"),
		filepath.Join(module("k8s.io/controller-manager", staging), "pkg/features"),
	} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
				files = append(files, parse(path))
			}
			return err
		})
		if err != nil {
			fail(err.Error())
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if one, ok := node.(*ast.ValueSpec); ok && len(one.Values) == 1 && text(one.Values[0]) != "" {
				names[one.Names[0].Name] = text(one.Values[0])
			}
			return true
		})
	}
	requires := map[string][]string{}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			one, ok := node.(*ast.CompositeLit)
			if !ok {
				return true
			}
			kind, ok := one.Type.(*ast.MapType)
			if !ok {
				return true
			}
			for _, element := range one.Elts {
				pair := element.(*ast.KeyValueExpr)
				key := qualified(pair.Key)
				name := names[key[strings.LastIndex(key, ".")+1:]]
				value, ok := pair.Value.(*ast.CompositeLit)
				if !ok {
					continue
				}
				if strings.HasSuffix(qualified(kind.Value), "VersionedSpecs") {
					if spec := current(value); spec != nil {
						found.Gates[name] = spec
					}
				} else if list, ok := kind.Value.(*ast.ArrayType); ok && strings.HasSuffix(qualified(list.Elt), "Feature") {
					for _, one := range value.Elts {
						other := qualified(one)
						requires[name] = append(requires[name], names[other[strings.LastIndex(other, ".")+1:]])
					}
				}
			}
			return true
		})
	}
	for name, others := range requires {
		if found.Gates[name] != nil {
			found.Gates[name].Requires = others
		}
	}
}

// current is the entry of a gate in this version, nil if the gate does not exist yet.
func current(specs *ast.CompositeLit) *gate {
	var found *gate
	for _, element := range specs.Elts {
		literal, ok := element.(*ast.CompositeLit)
		if !ok {
			continue
		}
		one, since := gate{}, 0
		for _, field := range literal.Elts {
			pair := field.(*ast.KeyValueExpr)
			switch qualified(pair.Key) {
			case "Version":
				_, number, _ := strings.Cut(text(pair.Value), ".")
				since, _ = strconv.Atoi(number)
			case "Default":
				one.Default = qualified(pair.Value) == "true"
			case "LockToDefault":
				one.Locked = qualified(pair.Value) == "true"
			}
		}
		if since <= minor {
			found = &one
		}
	}
	return found
}

// text is the string in a literal or in a call with one argument.
func text(expression ast.Expr) string {
	switch one := expression.(type) {
	case *ast.BasicLit:
		if one.Kind == token.STRING {
			value, _ := strconv.Unquote(one.Value)
			return value
		}
	case *ast.CallExpr:
		if len(one.Args) == 1 {
			return text(one.Args[0])
		}
	}
	return ""
}

func qualified(expression ast.Expr) string {
	switch one := expression.(type) {
	case *ast.Ident:
		return one.Name
	case *ast.SelectorExpr:
		return qualified(one.X) + "." + one.Sel.Name
	case *ast.CallExpr: // a conversion
		if len(one.Args) == 1 {
			return qualified(one.Args[0])
		}
	}
	return ""
}

func parse(path string) *ast.File {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		fail(err.Error())
	}
	return file
}

func module(path, version string) string {
	said, err := exec.Command("go", "mod", "download", "-json", path+"@"+version).Output()
	if err != nil {
		fail("go mod download " + path + "@" + version + ": " + err.Error())
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(said, &found); err != nil {
		fail(err.Error())
	}
	return found.Dir
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "generate: "+message)
	os.Exit(1)
}
