package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"google.golang.org/grpc"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

//go:embed installed.py
var installedScript string

// installed is an entry of the output of installed.py.
type installed struct{ Name, Version, Server string }

func listInstalled(ctx context.Context, info *pulumirpc.ProgramInfo, what string) ([]installed, error) {
	python, err := interpreterOf(info)
	if err == nil {
		err = python.ready()
	}
	if err != nil {
		return nil, err
	}
	printed, err := exec.CommandContext(ctx, python.program, "-c", installedScript, what).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%s cannot list the installed packages: %s", python.program, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, err
	}
	var found []installed
	return found, json.Unmarshal(printed, &found)
}

// GetRequiredPackages returns the plugins that the installed SDKs require, so that a missing one is reported at the start.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	found, err := listInstalled(ctx, request.GetInfo(), "plugins")
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, plugin := range found {
		response.Packages = append(response.Packages, &pulumirpc.PackageDependency{
			Name: plugin.Name, Kind: "resource", Version: plugin.Version, Server: plugin.Server,
		})
	}
	return response, nil
}

func (h *host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	what := "direct"
	if request.GetTransitiveDependencies() {
		what = "all"
	}
	found, err := listInstalled(ctx, request.GetInfo(), what)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, one := range found {
		response.Dependencies = append(response.Dependencies, &pulumirpc.DependencyInfo{
			Name: one.Name, Version: one.Version,
		})
	}
	return response, nil
}

// InstallDependencies creates the virtual environment if it is missing, and installs requirements.txt into it.
func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, stream grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return err
	}
	printed := &writer{send: func(text []byte) error {
		return stream.Send(&pulumirpc.InstallDependenciesResponse{Stdout: text})
	}}
	if python.ready() != nil {
		fmt.Fprintf(printed, "Creating the virtual environment %s\n", python.environment)
		outside := interpreter{program: "python3"}
		if err := h.step(stream.Context(), printed, outside, "-m", "venv", python.environment); err != nil {
			return err
		}
	}
	requirements := filepath.Join(request.GetInfo().GetProgramDirectory(), "requirements.txt")
	if _, err := os.Stat(requirements); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(printed, "There is no %s: nothing to install\n", requirements)
		return nil
	}
	fmt.Fprintf(printed, "Installing %s\n", requirements)
	return h.step(stream.Context(), printed, python,
		"-m", "pip", "install", "--disable-pip-version-check", "--requirement", requirements)
}

// step runs a Python command and sends its output to `printed`.
func (h *host) step(ctx context.Context, printed *writer, python interpreter, arguments ...string) error {
	command := h.command(ctx, python, arguments...)
	command.Env = python.variables(os.Environ())
	command.Stdout, command.Stderr = printed, printed
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", python.program, strings.Join(arguments, " "), err)
	}
	return nil
}
