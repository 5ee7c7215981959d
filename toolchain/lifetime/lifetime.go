// Package lifetime ends a plugin together with its engine. The SDK's own check runs every five minutes and ends no plugin.
package lifetime

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	interval = time.Second
	// grace is the time in which running operations can stop what they started.
	grace = 10 * time.Second
)

// WithEngine returns a context that is done when the engine has ended, however it ended. The process exits `grace` later.
//
// The engine's address is the last argument of a plugin; without one, a debugger attached it, and it runs until it is stopped.
func WithEngine() context.Context {
	address := os.Args[len(os.Args)-1]
	if len(os.Args) < 2 || strings.HasPrefix(address, "-") {
		return context.Background()
	}
	return watch(address, func() { os.Exit(1) })
}

// watch calls `exit` after the grace period.
func watch(address string, exit func()) context.Context {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		for answers(address) {
			time.Sleep(interval)
		}
		stop()
		time.Sleep(grace)
		exit()
	}()
	return ctx
}

// answers returns false only if nothing listens at the address any more: a busy or stopped engine still answers.
func answers(address string) bool {
	connection, err := net.DialTimeout("tcp", address, interval)
	if err == nil {
		connection.Close()
	}
	return !errors.Is(err, syscall.ECONNREFUSED)
}
