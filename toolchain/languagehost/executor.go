package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// interpreter is the Python of the project: that of its virtual environment where Pulumi.yaml names one.
func interpreter(info *pulumirpc.ProgramInfo) string {
	environment, _ := info.GetOptions().AsMap()["virtualenv"].(string)
	if environment == "" {
		return "python3"
	}
	if !filepath.IsAbs(environment) {
		environment = filepath.Join(info.GetRootDirectory(), environment)
	}
	return filepath.Join(environment, "bin", "python")
}

// programCommand starts the project's program under the executor script: its flags are the script's own interface.
func programCommand(executor, engine string, request *pulumirpc.RunRequest) *exec.Cmd {
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
	arguments = append(append(arguments, program), request.GetArgs()...)
	return exec.Command(interpreter(request.GetInfo()), arguments...)
}

// programConfig is the stack's configuration as the SDK reads it from the environment. Both are JSON, and never null:
// the SDK iterates over them.
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
