package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// interpreter is the Python that a project runs with.
type interpreter struct {
	program string
	// environment is the folder of its virtual environment, or empty.
	environment string
}

// interpreterOf reads the options under `runtime` of Pulumi.yaml: the Python of `virtualenv`, relative to the
// project's folder, else PULUMI_PYTHON_CMD, else python3. Options that this host does not support are errors.
func interpreterOf(info *pulumirpc.ProgramInfo) (interpreter, error) {
	options := info.GetOptions().AsMap()
	for _, name := range []string{"toolchain", "typechecker"} {
		chosen, _ := options[name].(string)
		if chosen != "" && !(name == "toolchain" && chosen == "pip") {
			return interpreter{}, fmt.Errorf("this language host does not support the runtime option %s: %s "+
				"(it supports virtual environments created with pip)", name, chosen)
		}
	}
	if folder, _ := options["virtualenv"].(string); folder != "" {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(info.GetRootDirectory(), folder)
		}
		return interpreter{filepath.Join(folder, "bin", "python"), folder}, nil
	}
	if named := os.Getenv("PULUMI_PYTHON_CMD"); named != "" {
		return interpreter{program: named}, nil
	}
	return interpreter{program: "python3"}, nil
}

// ready returns an error that says what to do if the virtual environment is missing.
func (p interpreter) ready() error {
	if p.environment == "" {
		return nil
	}
	if _, err := os.Stat(p.program); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no virtual environment in %s: create it, for example with `pulumi install`", p.environment)
	}
	return nil
}

// variables returns the environment `base` with the virtual environment activated.
func (p interpreter) variables(base []string) []string {
	if p.environment == "" {
		return base
	}
	activated := []string{"VIRTUAL_ENV=" + p.environment}
	path := filepath.Join(p.environment, "bin")
	for _, variable := range base {
		name, value, _ := strings.Cut(variable, "=")
		switch name {
		case "PATH":
			path += string(os.PathListSeparator) + value
		case "VIRTUAL_ENV", "PYTHONHOME":
		default:
			activated = append(activated, variable)
		}
	}
	return append(activated, "PATH="+path)
}
