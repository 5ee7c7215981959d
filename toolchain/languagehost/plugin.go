package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"sync"

	"google.golang.org/grpc"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// writer sends its input as messages of a stream, which accepts one at a time.
type writer struct {
	lock sync.Mutex
	send func([]byte) error
}

func (w *writer) Write(text []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	// The sender may keep the message, but the caller reuses the memory.
	if err := w.send(slices.Clone(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// RunPlugin runs a plugin or policy pack written in Python until it ends or the engine stops it.
func (h *host) RunPlugin(
	request *pulumirpc.RunPluginRequest, stream grpc.ServerStreamingServer[pulumirpc.RunPluginResponse],
) error {
	python, err := interpreterOf(request.GetInfo())
	if err == nil {
		err = python.ready()
	}
	if err != nil {
		return err
	}
	folder := request.GetInfo().GetProgramDirectory()
	arguments := append([]string{"-u", folder}, request.GetArgs()...)
	if request.GetKind() == "analyzer" {
		// The SDK's launcher of policy packs expects the engine's address first.
		arguments = append(append([]string{"-u", "-m", "pulumi.policy"}, request.GetArgs()...), folder)
	}
	variables := request.GetEnv()
	if len(variables) == 0 {
		variables = os.Environ()
	}
	command := h.command(stream.Context(), python, arguments...)
	command.Dir, command.Env = request.GetPwd(), python.variables(variables)
	lock := sync.Mutex{}
	send := func(message *pulumirpc.RunPluginResponse) error {
		lock.Lock()
		defer lock.Unlock()
		return stream.Send(message)
	}
	command.Stdout = &writer{send: func(text []byte) error {
		return send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stdout{Stdout: text}})
	}}
	command.Stderr = &writer{send: func(text []byte) error {
		return send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stderr{Stderr: text}})
	}}
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	code := int32(command.ProcessState.ExitCode())
	return send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: code}})
}
