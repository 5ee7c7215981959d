package lifetime

import (
	"net"
	"testing"
	"time"
)

func TestDoneWhenNothingListensAnyMore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	exited := make(chan bool)
	ctx := watch(listener.Addr().String(), func() { close(exited) })
	select {
	case <-ctx.Done():
		t.Fatal("done while the engine listens")
	case <-time.After(3 * interval):
	}
	listener.Close()
	select {
	case <-ctx.Done():
	case <-time.After(3 * interval):
		t.Fatal("not done without an engine")
	}
	select {
	case <-exited:
	case <-time.After(grace + 3*interval):
		t.Fatal("it does not exit")
	}
}
