// A Python language host for the Pulumi engine: the LanguageRuntime service that starts a project's program.
//
// It replaces Pulumi's own where that cannot be downloaded. It runs programs, plugins and policy packs, installs
// requirements with pip, and lists what is installed. It does not generate or convert code.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
	// stopping is done when the engine cancels or has ended; then every program is stopped.
	stopping context.Context
	stop     context.CancelFunc
}

func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = request.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

// RuntimeOptionsPrompts returns no prompts.
func (h *host) RuntimeOptionsPrompts(
	context.Context, *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

func (h *host) About(ctx context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	python, err := interpreterOf(request.GetInfo())
	if err != nil {
		return nil, err
	}
	printed, err := exec.CommandContext(ctx, python.program, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s for its version: %w", python.program, err)
	}
	found := strings.TrimPrefix(strings.TrimSpace(string(printed)), "Python ")
	return &pulumirpc.AboutResponse{Executable: python.program, Version: found}, nil
}

// Cancel stops the running programs. The engine finishes or reverts their operations.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.stop()
	return &emptypb.Empty{}, nil
}

// endOnInterrupt ends the process at SIGINT. The engine ends a host that way, and waits 5 s for one that does not react: so would
// one that a shell's background job has started, which inherits SIGINT as ignored.
func endOnInterrupt() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted
		os.Exit(1)
	}()
}

// serve serves the engine until it ends. The engine's address is the last argument, if there is one.
func serve() error {
	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	service := &host{stopping: stopping, stop: stop}
	over := make(chan bool)
	if count := len(os.Args); count > 1 {
		service.engine = os.Args[count-1]
		gone := func() { stop(); close(over) }
		if err := rpcutil.Healthcheck(context.Background(), service.engine, 5*time.Second, gone); err != nil {
			return err
		}
	}
	serving, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: over,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, service)
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(serving.Port) // the engine reads it from here
	return <-serving.Done
}

func main() {
	endOnInterrupt()
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
