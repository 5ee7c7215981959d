package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
)

// stopTime limits the time between a cancel and the end of the connection.
const stopTime = 5 * time.Second

// stopScript ends the processes of the connection's other session. sshd lets them run on when the connection is closed, and
// accepts a signal for them only from some users, and never for a command below sudo.
const stopScript = `for session in $(ps -o pid= --ppid "$PPID"); do
  [ "$session" = $$ ] || sudo -n pkill -s "$session" 2>/dev/null || pkill -s "$session"
done`

// RemoteCommand is command:remote:Command.
type RemoteCommand struct{}

// Annotate names the resource as the SDKs do.
func (c *RemoteCommand) Annotate(a infer.Annotator) { a.SetToken("remote", "Command") }

// RemoteInputs are its inputs.
type RemoteInputs struct {
	Connection *Connection `pulumi:"connection" provider:"secret"`
	Base
}

// RemoteOutputs are its outputs.
type RemoteOutputs struct {
	RemoteInputs
	Printed
}

// Create runs `create`.
func (c *RemoteCommand) Create(
	ctx context.Context, request infer.CreateRequest[RemoteInputs],
) (infer.CreateResponse[RemoteOutputs], error) {
	response := infer.CreateResponse[RemoteOutputs]{Output: RemoteOutputs{RemoteInputs: request.Inputs}}
	var err error
	if response.ID, err = newID(request.Name); err != nil || request.DryRun {
		return response, err
	}
	response.Output.Printed, err = request.Inputs.onCreate(ctx, request.Inputs.run)
	return response, err
}

// Update runs `update`, else `create`.
func (c *RemoteCommand) Update(
	ctx context.Context, request infer.UpdateRequest[RemoteInputs, RemoteOutputs],
) (infer.UpdateResponse[RemoteOutputs], error) {
	response := infer.UpdateResponse[RemoteOutputs]{
		Output: RemoteOutputs{RemoteInputs: request.Inputs, Printed: request.State.Printed},
	}
	if request.DryRun {
		return response, nil
	}
	var err error
	response.Output.Printed, err = request.Inputs.onUpdate(ctx, request.State.Printed, request.Inputs.run)
	return response, err
}

// Delete runs `delete` of the state.
func (c *RemoteCommand) Delete(
	ctx context.Context, request infer.DeleteRequest[RemoteOutputs],
) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, request.State.onDelete(ctx, request.State.Printed, request.State.run)
}

func (i *RemoteInputs) run(ctx context.Context, command string, previous map[string]string) (Printed, error) {
	connected, err := i.Connection.dial(ctx)
	if err != nil {
		return Printed{}, err
	}
	// Connection and session are closed after the command.
	defer connected.Close()
	session, err := connected.NewSession()
	if err != nil {
		return Printed{}, fmt.Errorf("%s: opening a session: %w", i.Connection.Host, err)
	}
	defer session.Close()
	defer context.AfterFunc(ctx, func() { connected.stopCommand(); connected.Close() })()
	if err := i.setEnvironment(ctx, session, previous); err != nil {
		return Printed{}, err
	}
	kept := newCapture(ctx)
	stdout, stderr := kept.streams(i.Logging)
	session.Stdin = strings.NewReader(value(i.Stdin, ""))
	session.Stdout, session.Stderr = stdout, stderr
	err = session.Run(command)
	printed := Printed{}
	printed.Stdout, printed.Stderr = kept.finish(stdout, stderr)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return printed, kept.failure(fmt.Errorf("%s: %w", i.Connection.Host, err), command)
	}
	return printed, nil
}

// setEnvironment fails if the server refuses a variable of `environment`. For the previous output, which is optional, it
// only warns, once.
func (i *RemoteInputs) setEnvironment(ctx context.Context, session *ssh.Session, previous map[string]string) error {
	for name, text := range maps.All(value(i.Environment, nil)) {
		if err := session.Setenv(name, text); err != nil {
			return fmt.Errorf("%s: the server does not accept the environment variable %s (AcceptEnv in its sshd_config)",
				i.Connection.Host, name)
		}
	}
	for name, text := range previous {
		if err := session.Setenv(name, text); err != nil {
			provider.GetLogger(ctx).Warningf("%s: the server does not accept the environment variable %s: set "+
				"addPreviousOutputInEnv to false, or AcceptEnv in its sshd_config", i.Connection.Host, name)
			break
		}
	}
	return nil
}

// stopCommand ends the command that runs over this connection.
func (c *client) stopCommand() {
	stopped := make(chan bool)
	go func() {
		defer close(stopped)
		if session, err := c.NewSession(); err == nil {
			defer session.Close()
			session.Run(stopScript)
		}
	}()
	select {
	case <-stopped:
	case <-time.After(stopTime):
	}
}
