package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	// errorShown is the executor's exit code if the program has already reported its error to the engine.
	errorShown = 32
	// stopTimeout is the time between SIGTERM and SIGKILL.
	stopTimeout = 5 * time.Second
)

func (h *host) Run(_ context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err == nil {
		err = python.ready()
	}
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, err := programConfig(request)
	if err != nil {
		return nil, err
	}
	executor := filepath.Join(filepath.Dir(self), "pulumi-language-python-exec")
	program := h.command(h.stopping, python, programArguments(executor, h.engine, request)...)
	program.Env = append(python.variables(os.Environ()), config...)
	program.Stdout, program.Stderr = os.Stdout, os.Stderr
	return outcome(program.Run(), h.stopping.Err() != nil)
}

// command returns a Python process that is stopped when `until` is done: SIGTERM, then SIGKILL after stopTimeout.
func (h *host) command(until context.Context, python interpreter, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(until, python.program, arguments...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopTimeout
	return command
}

// outcome returns the response about a program that ended with `err`.
func outcome(err error, cancelled bool) (*pulumirpc.RunResponse, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case cancelled:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("starting the program: %v", err)}, nil
	case exit.ExitCode() == errorShown:
		return &pulumirpc.RunResponse{Bail: true}, nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program was ended by signal %s", status.Signal())}, nil
	}
	return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with exit code %d", exit.ExitCode())}, nil
}

// programArguments returns the arguments of the executor script, which runs the project's program.
func programArguments(executor, engine string, request *pulumirpc.RunRequest) []string {
	arguments := []string{
		"-u", executor,
		"--monitor", request.GetMonitorAddress(),
		"--engine", engine,
		"--project", request.GetProject(),
		"--stack", request.GetStack(),
		"--organization", request.GetOrganization(),
		"--root_directory", request.GetInfo().GetRootDirectory(),
		"--pwd", request.GetPwd(),
		"--parallel", strconv.Itoa(int(request.GetParallel())),
	}
	if request.GetDryRun() {
		arguments = append(arguments, "--dry_run", "true")
	}
	program := request.GetInfo().GetEntryPoint()
	if program == "" {
		program = "."
	}
	return append(append(arguments, program), request.GetArgs()...)
}

// programConfig returns the stack's configuration as the SDK reads it from the environment: JSON, and never null, because
// the SDK iterates over it.
func programConfig(request *pulumirpc.RunRequest) ([]string, error) {
	values := request.GetConfig()
	if values == nil {
		values = map[string]string{}
	}
	keys := request.GetConfigSecretKeys()
	if keys == nil {
		keys = []string{}
	}
	config, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	secret, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	return []string{"PULUMI_CONFIG=" + string(config), "PULUMI_CONFIG_SECRET_KEYS=" + string(secret)}, nil
}
