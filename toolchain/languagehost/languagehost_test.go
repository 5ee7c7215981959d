package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func project(t *testing.T, options map[string]any) *pulumirpc.ProgramInfo {
	t.Helper()
	given, err := structpb.NewStruct(options)
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{RootDirectory: "/project", ProgramDirectory: "/project", Options: given}
}

func TestInterpreter(t *testing.T) {
	t.Setenv("PULUMI_PYTHON_CMD", "")
	for _, test := range []struct {
		name    string
		options map[string]any
		want    interpreter
	}{
		{"none named", nil, interpreter{program: "python3"}},
		{"relative to the project", map[string]any{"virtualenv": ".venv"},
			interpreter{"/project/.venv/bin/python", "/project/.venv"}},
		{"anywhere", map[string]any{"virtualenv": "/opt/venv"}, interpreter{"/opt/venv/bin/python", "/opt/venv"}},
		{"made with pip", map[string]any{"virtualenv": ".venv", "toolchain": "pip"},
			interpreter{"/project/.venv/bin/python", "/project/.venv"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := interpreterOf(project(t, test.options))
			if err != nil || found != test.want {
				t.Errorf("got %v, %v; want %v", found, err, test.want)
			}
		})
	}
	t.Setenv("PULUMI_PYTHON_CMD", "python3.13")
	if found, _ := interpreterOf(project(t, nil)); found.program != "python3.13" {
		t.Errorf("PULUMI_PYTHON_CMD has no effect: %v", found)
	}
}

func TestInterpreterRefusesUnsupportedOptions(t *testing.T) {
	for name, value := range map[string]string{"toolchain": "uv", "typechecker": "mypy"} {
		_, err := interpreterOf(project(t, map[string]any{name: value}))
		if err == nil || !strings.Contains(err.Error(), name+": "+value) {
			t.Errorf("%s: %s gives %v", name, value, err)
		}
	}
}

func TestMissingEnvironmentIsNotReady(t *testing.T) {
	folder := t.TempDir()
	python := interpreter{filepath.Join(folder, "bin/python"), folder}
	if err := python.ready(); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("got %v", err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(python.program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := python.ready(); err != nil {
		t.Error(err)
	}
}

func TestVariablesActivateTheEnvironment(t *testing.T) {
	base := []string{"HOME=/root", "PATH=/usr/bin", "PYTHONHOME=/usr", "VIRTUAL_ENV=/other"}
	got := interpreter{"/venv/bin/python", "/venv"}.variables(base)
	slices.Sort(got)
	want := []string{"HOME=/root", "PATH=/venv/bin:/usr/bin", "VIRTUAL_ENV=/venv"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (interpreter{program: "python3"}).variables(base); !slices.Equal(got, base) {
		t.Errorf("without an environment nothing changes, got %v", got)
	}
}

func TestConfigIsNeverNull(t *testing.T) {
	got, err := programConfig(&pulumirpc.RunRequest{})
	if err != nil || !slices.Equal(got, []string{"PULUMI_CONFIG={}", "PULUMI_CONFIG_SECRET_KEYS=[]"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestOutcome(t *testing.T) {
	ended := func(script string) error { return exec.Command("sh", "-c", script).Run() }
	for _, test := range []struct {
		name      string
		err       error
		cancelled bool
		bail      bool
		text      string
	}{
		{name: "well"},
		{name: "shown to the engine", err: ended("exit 32"), bail: true},
		{name: "exit code", err: ended("exit 3"), text: "the program ended with exit code 3"},
		{name: "signal", err: ended("kill -9 $$"), text: "the program was ended by signal killed"},
		{name: "cancelled", err: ended("kill -15 $$"), cancelled: true, bail: true},
		{name: "not started", err: errors.New("no such file"), text: "starting the program: no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, err := outcome(test.err, test.cancelled)
			if err != nil || response.GetBail() != test.bail || response.GetError() != test.text {
				t.Errorf("got %v, %v", response, err)
			}
		})
	}
}
