package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// server is a real sshd on loopback, with its own keys.
type server struct {
	folder string
	port   int
	pid    int
}

// startSSHD needs root: sshd needs it to start sessions.
func startSSHD(t *testing.T) *server {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"host", "login", "other"} {
		run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(folder, name))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "sshd_config")
	text := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nPidFile none\nUsePAM no\nStrictModes no\n"+
		"AuthorizedKeysFile %s/login.pub\nPermitRootLogin prohibit-password\nAcceptEnv ALLOWED\n"+
		"Subsystem sftp internal-sftp\n", port, folder, folder)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Process.Kill(); process.Wait() })
	started := &server{folder: folder, port: port, pid: process.Process.Pid}
	waitFor(t, "sshd to answer", func() bool {
		connection, err := net.DialTimeout("tcp", started.address(), time.Second)
		if err != nil {
			return false
		}
		connection.Close()
		return true
	})
	return started
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *server) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// connection has the accepted key and the right host key.
func (s *server) connection(t *testing.T) *Connection {
	t.Helper()
	port, user, limit, timeout := float64(s.port), "root", 1, 5
	private, host := s.read(t, "login"), s.read(t, "host.pub")
	return &Connection{Endpoint: Endpoint{Host: "127.0.0.1", Port: &port, User: &user, PrivateKey: &private,
		HostKey: &host, DialErrorLimit: &limit, PerDialTimeout: &timeout}}
}

// sessions returns the number of the server's connection processes.
func (s *server) sessions(t *testing.T) int {
	t.Helper()
	printed, _ := exec.Command("pgrep", "-P", fmt.Sprint(s.pid)).Output()
	return len(strings.Fields(string(printed)))
}

func run(t *testing.T, command string, arguments ...string) {
	t.Helper()
	if printed, err := exec.Command(command, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, printed)
	}
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
