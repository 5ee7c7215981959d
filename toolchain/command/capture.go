package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Logging selects the streams of a command that are shown while it runs. Both are always captured.
type Logging string

// Values lists the values of `logging`.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: "Stdout", Value: "stdout", Description: "Capture stdout in logs but not stderr"},
		{Name: "Stderr", Value: "stderr", Description: "Capture stderr in logs but not stdout"},
		{Name: "StdoutAndStderr", Value: "stdoutAndStderr", Description: "Capture stdout and stderr in logs"},
		{Name: "None", Value: "none", Description: "Capture no logs"},
	}
}

func (l *Logging) stdout() bool { return l == nil || *l == "stdout" || *l == "stdoutAndStderr" }
func (l *Logging) stderr() bool { return l == nil || *l == "stderr" || *l == "stdoutAndStderr" }

const (
	longestLogLine    = 1 << 10
	longestErrorPart  = 8 << 10
	longestErrorShown = 4 << 10
)

// capture keeps the complete output of a command, for its outputs and its error, and shows each line when it is complete.
type capture struct {
	ctx    context.Context
	mutex  sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	both   bytes.Buffer
}

type stream struct {
	owner *capture
	keep  *bytes.Buffer
	shown bool
	line  []byte
}

func newCapture(ctx context.Context) *capture { return &capture{ctx: ctx} }

func (c *capture) streams(logging *Logging) (stdout, stderr *stream) {
	return &stream{owner: c, keep: &c.stdout, shown: logging.stdout()},
		&stream{owner: c, keep: &c.stderr, shown: logging.stderr()}
}

// Write never blocks, and accepts lines of any length: only what is shown of a long line is truncated.
func (s *stream) Write(data []byte) (int, error) {
	s.owner.mutex.Lock()
	defer s.owner.mutex.Unlock()
	s.keep.Write(data)
	s.owner.both.Write(data)
	if s.shown {
		s.line = append(s.line, data...)
		for {
			end := bytes.IndexByte(s.line, '\n')
			if end < 0 {
				break
			}
			s.show(s.line[:end])
			s.line = s.line[end+1:]
		}
	}
	return len(data), nil
}

func (s *stream) show(line []byte) {
	text := strings.TrimRight(string(line), "\r")
	if text == "" {
		return
	}
	if len(text) > longestLogLine {
		text = fmt.Sprintf("%s ... (%d bytes)", strings.ToValidUTF8(text[:longestLogLine], ""), len(text))
	}
	provider.GetLogger(s.owner.ctx).Info(text)
}

// finish shows an incomplete last line, and returns the outputs without their trailing newline.
func (c *capture) finish(streams ...*stream) (stdout, stderr string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, s := range streams {
		if s.shown && len(s.line) > 0 {
			s.show(s.line)
			s.line = nil
		}
	}
	return strings.TrimSuffix(c.stdout.String(), "\n"), strings.TrimSuffix(c.stderr.String(), "\n")
}

// failure returns the error of a failed command: how it ended, the command, and the end of its output.
func (c *capture) failure(err error, command string) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	printed := c.both.String()
	if len(printed) > longestErrorPart {
		printed = "... " + printed[len(printed)-longestErrorPart:]
	}
	if len(command) > longestErrorShown {
		command = command[:longestErrorShown] + " ..."
	}
	return fmt.Errorf("%w: running %q:\n%s", err, command, printed)
}
