package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

func quiet() *Logging { none := Logging("none"); return &none }

func remote(connection *Connection) *RemoteInputs {
	return &RemoteInputs{Connection: connection, Base: Base{Logging: quiet()}}
}

func TestRemoteRunsAndClosesItsConnection(t *testing.T) {
	server := startSSHD(t)
	inputs := remote(server.connection(t))
	stdin := "from stdin"
	inputs.Stdin = &stdin
	printed, err := inputs.run(context.Background(), "cat; echo; echo complaint >&2", nil)
	if err != nil {
		t.Fatal(err)
	}
	if printed.Stdout != "from stdin" || printed.Stderr != "complaint" {
		t.Fatalf("got %+v", printed)
	}
	waitFor(t, "the connection to be closed", func() bool { return server.sessions(t) == 0 })
}

func TestLinesOfAnyLength(t *testing.T) {
	server := startSSHD(t)
	for _, size := range []int{70_000, 5_000_000} {
		inputs := remote(server.connection(t))
		inputs.Logging = nil // also shown
		command := "head -c " + strconv.Itoa(size) + " /dev/zero | tr '\\0' x"
		printed, err := inputs.run(context.Background(), command, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(printed.Stdout) != size {
			t.Fatalf("%d of %d bytes", len(printed.Stdout), size)
		}
	}
}

func TestFailureShowsCommandAndOutputButNoSecret(t *testing.T) {
	server := startSSHD(t)
	inputs := remote(server.connection(t))
	stdin := "a-secret-on-stdin"
	inputs.Stdin = &stdin
	_, err := inputs.run(context.Background(), "cat >/dev/null; echo broken >&2; exit 3", nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"127.0.0.1", "exited with status 3", "broken", "exit 3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %v", part, err)
		}
	}
	for _, secret := range []string{stdin, "PRIVATE KEY"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q in %v", secret, err)
		}
	}
}

func TestHostKeyMismatchFailsAtOnce(t *testing.T) {
	server := startSSHD(t)
	connection := server.connection(t)
	other, many := server.read(t, "other.pub"), 50
	connection.HostKey, connection.DialErrorLimit = &other, &many
	begun := time.Now()
	_, err := connection.dial(context.Background())
	if err == nil || !strings.Contains(err.Error(), "does not match hostKey") {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "after 1 attempts") || time.Since(begun) > 10*time.Second {
		t.Fatalf("it was retried: %v", err)
	}
}

func TestSilentPeerTimesOut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port, limit, timeout := float64(listener.Addr().(*net.TCPAddr).Port), 0, 1
	connection := &Connection{Endpoint: Endpoint{Host: "127.0.0.1", Port: &port, DialErrorLimit: &limit,
		PerDialTimeout: &timeout}}
	done := make(chan error, 1)
	go func() { _, err := connection.dial(context.Background()); done <- err }()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "no SSH handshake within 1s") {
			t.Fatalf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
	}
}

func TestRefusedEnvironmentIsAnError(t *testing.T) {
	server := startSSHD(t)
	inputs := remote(server.connection(t))
	inputs.Environment = &map[string]string{"ALLOWED": "yes"}
	printed, err := inputs.run(context.Background(), "echo $ALLOWED", nil)
	if err != nil || printed.Stdout != "yes" {
		t.Fatalf("got %q, %v", printed.Stdout, err)
	}
	inputs.Environment = &map[string]string{"FORBIDDEN": "no"}
	if _, err = inputs.run(context.Background(), "true", nil); err == nil || !strings.Contains(err.Error(), "FORBIDDEN") {
		t.Fatalf("got %v", err)
	}
	inputs.Environment = nil
	if _, err = inputs.run(context.Background(), "true", map[string]string{"PULUMI_COMMAND_STDOUT": "x"}); err != nil {
		t.Fatalf("a refused previous output is a warning only: %v", err)
	}
}

func TestCancelStopsTheCommand(t *testing.T) {
	server := startSSHD(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	begun := time.Now()
	if _, err := remote(server.connection(t)).run(ctx, "sleep 60", nil); err == nil {
		t.Fatal("no error")
	}
	if time.Since(begun) > 20*time.Second {
		t.Fatal("cancel waited for the command")
	}
}

func TestCancelEndsTheRemoteProcesses(t *testing.T) {
	server := startSSHD(t)
	mark := filepath.Join(t.TempDir(), "running")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := remote(server.connection(t)).run(ctx, "echo $$ >"+mark+"; sleep 600; true", nil)
		done <- err
	}()
	waitFor(t, "the command", func() bool { content, _ := os.ReadFile(mark); return len(content) > 0 })
	content, _ := os.ReadFile(mark)
	cancel()
	if err := <-done; err == nil {
		t.Fatal("no error")
	}
	waitFor(t, "the end of the shell", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(content)))
		return os.IsNotExist(err)
	})
}

func TestCopy(t *testing.T) {
	server := startSSHD(t)
	target := filepath.Join(t.TempDir(), "below", "file")
	source, err := asset.FromText("hello\n")
	if err != nil {
		t.Fatal(err)
	}
	inputs := &CopyInputs{Connection: server.connection(t), Source: types.AssetOrArchive{Asset: source}, RemotePath: target}
	if err := inputs.copy(context.Background()); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(target); string(content) != "hello\n" {
		t.Fatalf("got %q", content)
	}
	folder := t.TempDir()
	os.WriteFile(filepath.Join(folder, "one"), []byte("1"), 0o600)
	archive, err := resource.NewPathArchive(folder)
	if err != nil {
		t.Fatal(err)
	}
	inputs = &CopyInputs{Connection: server.connection(t), Source: types.AssetOrArchive{Archive: archive},
		RemotePath: filepath.Join(t.TempDir(), "copied")}
	if err := inputs.copy(context.Background()); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(filepath.Join(inputs.RemotePath, "one")); string(content) != "1" {
		t.Fatalf("got %q", content)
	}
}

func TestLocalUsesFolderEnvironmentAndInterpreter(t *testing.T) {
	folder := t.TempDir()
	inputs := &LocalInputs{Base: Base{Logging: quiet(), Environment: &map[string]string{"GREETING": "hello"}}, Dir: &folder}
	printed, err := inputs.run(context.Background(), "pwd; echo $GREETING; echo content >made.txt", nil)
	if err != nil || printed.Stdout != folder+"\nhello" {
		t.Fatalf("got %q, %v", printed.Stdout, err)
	}
	outputs := &LocalOutputs{LocalInputs: *inputs}
	outputs.AssetPaths = &[]string{"**.txt", "!other*"}
	if err := outputs.collect(); err != nil || len(*outputs.Assets) != 1 || (*outputs.Assets)["made.txt"] == nil {
		t.Fatalf("got %+v, %v", outputs.Assets, err)
	}
	inputs.Interpreter = &[]string{"/bin/echo", "-n"}
	if printed, err = inputs.run(context.Background(), "the command", nil); err != nil || printed.Stdout != "the command" {
		t.Fatalf("got %q, %v", printed.Stdout, err)
	}
}

// TestDiffUpdatesInPlace calls the plugin as the engine does.
func TestDiffUpdatesInPlace(t *testing.T) {
	plugin, err := newProvider()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := integration.NewServer(context.Background(), "command", semver.MustParse(version),
		integration.WithProvider(plugin))
	if err != nil {
		t.Fatal(err)
	}
	urn := resource.NewURN("stack", "project", "", "command:local:Command", "one")
	values := func(changed map[string]any) property.Map {
		base := map[string]property.Value{
			"create":   property.New("true"),
			"triggers": property.New([]property.Value{property.New("1")}),
			"stdout":   property.New("old"),
			"stderr":   property.New(""),
		}
		for key, value := range changed {
			if value == nil {
				delete(base, key)
			} else {
				base[key] = value.(property.Value)
			}
		}
		return property.NewMap(base)
	}
	inputs := map[string]any{"stdout": nil, "stderr": nil}
	for name, test := range map[string]struct {
		change  map[string]any
		differs bool
		kind    provider.DiffKind
	}{
		"nothing": {map[string]any{}, false, ""},
		"create":  {map[string]any{"create": property.New("false")}, true, provider.Update},
		"delete":  {map[string]any{"delete": property.New("true")}, true, provider.Add},
		// The SDKs make this a replacement, with replaceOnChanges.
		"triggers": {map[string]any{"triggers": property.New([]property.Value{property.New("2")})}, true, provider.Update},
	} {
		changed := map[string]any{}
		for key, value := range inputs {
			changed[key] = value
		}
		for key, value := range test.change {
			changed[key] = value
		}
		response, err := engine.Diff(provider.DiffRequest{ID: "one", Urn: urn, State: values(nil), Inputs: values(changed)})
		if err != nil {
			t.Fatal(err)
		}
		if response.HasChanges != test.differs {
			t.Errorf("%s: changes %v, %+v", name, response.HasChanges, response.DetailedDiff)
		}
		if test.differs {
			for key, one := range response.DetailedDiff {
				if strings.HasPrefix(key, name) && one.Kind != test.kind {
					t.Errorf("%s: %s is %s, not %s", name, key, one.Kind, test.kind)
				}
			}
			if len(response.DetailedDiff) == 0 {
				t.Errorf("%s: no detailed difference", name)
			}
		}
	}
}
