package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	defaultUser           = "root"
	defaultPort           = 22.0
	defaultDialErrorLimit = 10
	defaultPerDialTimeout = 15

	firstRetryDelay = 100 * time.Millisecond
	longestDelay    = 5 * time.Second

	// About one message per minute while a machine boots.
	attemptsPerMessage = 12

	// A peer that does not answer keepalives for this long is dead. Without them, a command on a dead node never ends.
	keepaliveInterval = 15 * time.Second
	keepaliveMisses   = 3
)

// Endpoint is the address and the credentials of an SSH server.
type Endpoint struct {
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Annotate sets the defaults that the SDKs set too.
func (e *Endpoint) Annotate(a infer.Annotator) {
	a.SetDefault(&e.User, defaultUser)
	a.SetDefault(&e.Port, defaultPort)
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.SetDefault(&e.PerDialTimeout, defaultPerDialTimeout)
}

// ProxyConnection is the bastion that a connection goes through.
type ProxyConnection struct {
	Endpoint
}

// Annotate names the type as the SDKs do.
func (c *ProxyConnection) Annotate(a infer.Annotator) { a.SetToken("remote", "ProxyConnection") }

// Connection is how a remote host is reached.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// Annotate names the type as the SDKs do.
func (c *Connection) Annotate(a infer.Annotator) { a.SetToken("remote", "Connection") }

// client is an SSH connection, and what to close after it.
type client struct {
	*ssh.Client
	stop  context.CancelFunc
	proxy *client
}

func (c *client) Close() error {
	c.stop()
	err := c.Client.Close()
	if c.proxy != nil {
		c.proxy.Close()
	}
	return err
}

// errHostKey is not retried: another attempt would reach the same server.
var errHostKey = errors.New("the server's host key does not match hostKey")

// dial connects, and retries after each failure but a host key mismatch, up to dialErrorLimit times (-1: no limit).
// The error has the host and the last failure, and no secret.
func (c *Connection) dial(ctx context.Context) (*client, error) {
	var proxy *client
	if c.Proxy != nil {
		var err error
		if proxy, err = dialEndpoint(ctx, &c.Proxy.Endpoint, nil); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	connected, err := dialEndpoint(ctx, &c.Endpoint, proxy)
	if err != nil {
		if proxy != nil {
			proxy.Close()
		}
		return nil, err
	}
	connected.proxy = proxy
	return connected, nil
}

func dialEndpoint(ctx context.Context, e *Endpoint, through *client) (*client, error) {
	address := net.JoinHostPort(e.Host, strconv.Itoa(int(value(e.Port, defaultPort))))
	config, closeAgent, err := e.clientConfig()
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	defer closeAgent()
	limit := value(e.DialErrorLimit, defaultDialErrorLimit)
	delay := firstRetryDelay
	for failures := 1; ; failures++ {
		connected, err := dialOnce(ctx, address, config, through)
		if err == nil {
			return watch(connected), nil
		}
		if errors.Is(err, errHostKey) || ctx.Err() != nil || (limit >= 0 && failures > limit) {
			return nil, fmt.Errorf("connecting to %s as %s failed after %d attempts: %w",
				address, value(e.User, defaultUser), failures, err)
		}
		if failures%attemptsPerMessage == 1 {
			provider.GetLogger(ctx).InfoStatusf("waiting for SSH at %s: %v", address, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(delay*3/2, longestDelay)
	}
}

// dialOnce limits the time of connection and handshake together: a peer may accept the connection and then send nothing.
func dialOnce(ctx context.Context, address string, config *ssh.ClientConfig, through *client) (*ssh.Client, error) {
	if config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, config.Timeout)
		defer cancel()
	}
	var connection net.Conn
	var err error
	if through != nil {
		connection, err = through.DialContext(ctx, "tcp", address)
	} else {
		connection, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	// Close the connection instead of setting a deadline: tunnelled connections do not support deadlines.
	finished := context.AfterFunc(ctx, func() { connection.Close() })
	secured, channels, requests, err := ssh.NewClientConn(connection, address, config)
	if !finished() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		connection.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("no SSH handshake within %s", config.Timeout)
		}
		return nil, err
	}
	return ssh.NewClient(secured, channels, requests), nil
}

// watch closes the connection when its peer stops answering.
func watch(connected *ssh.Client) *client {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		ticker := time.NewTicker(keepaliveInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			answered := make(chan error, 1)
			go func() {
				_, _, err := connected.SendRequest("keepalive@openssh.com", true, nil)
				answered <- err
			}()
			select {
			case <-ctx.Done():
				return
			case <-answered:
			case <-time.After(keepaliveMisses * keepaliveInterval):
				connected.Close()
				return
			}
		}
	}()
	return &client{Client: connected, stop: stop}
}

// clientConfig also returns a function to call after dialling.
func (e *Endpoint) clientConfig() (*ssh.ClientConfig, func(), error) {
	config := &ssh.ClientConfig{
		User:            value(e.User, defaultUser),
		Timeout:         time.Duration(value(e.PerDialTimeout, defaultPerDialTimeout)) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the interface's own default: no hostKey, no check
	}
	if e.HostKey != nil {
		pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, nil, errors.New("hostKey is not a public key of the form '<type> <base64>'")
		}
		config.HostKeyAlgorithms = hostKeyAlgorithms(pinned)
		check := ssh.FixedHostKey(pinned)
		config.HostKeyCallback = func(host string, remote net.Addr, key ssh.PublicKey) error {
			if check(host, remote, key) != nil {
				return fmt.Errorf("%w: the server has %s", errHostKey, ssh.FingerprintSHA256(key))
			}
			return nil
		}
	}
	closeAgent := func() {}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = *e.Password
				}
				return answers, nil
			}))
	}
	if socket := value(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK")); socket != "" && len(config.Auth) == 0 {
		// Used only without key and password, so that a stale socket does no harm.
		connection, err := net.Dial("unix", socket)
		if err != nil {
			return nil, nil, fmt.Errorf("the SSH agent does not answer: %w", err)
		}
		closeAgent = func() { connection.Close() }
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(connection).Signers))
	}
	return config, closeAgent, nil
}

func (e *Endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		signer, err := ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
		if err != nil {
			return nil, errors.New("privateKey cannot be read with privateKeyPassword")
		}
		return signer, nil
	}
	signer, err := ssh.ParsePrivateKey([]byte(*e.PrivateKey))
	if err != nil {
		return nil, errors.New("privateKey cannot be read: it must be an unencrypted PEM or OpenSSH private key")
	}
	return signer, nil
}

// hostKeyAlgorithms returns the algorithms of the pinned key; for RSA without SHA-1, which servers refuse.
func hostKeyAlgorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

func value[T any](pointer *T, fallback T) T {
	if pointer == nil {
		return fallback
	}
	return *pointer
}
