package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Base are the inputs that local and remote commands share.
type Base struct {
	Create                 *string            `pulumi:"create,optional"`
	Update                 *string            `pulumi:"update,optional"`
	Delete                 *string            `pulumi:"delete,optional"`
	Stdin                  *string            `pulumi:"stdin,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	Triggers               *[]any             `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Logging                *Logging           `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate sets the default that the SDKs set too.
func (b *Base) Annotate(a infer.Annotator) { a.SetDefault(&b.AddPreviousOutputInEnv, true) }

// Printed are the outputs that local and remote commands share.
type Printed struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// previousEnvironment gives an update or delete the output of the previous run.
func (b *Base) previousEnvironment(previous Printed) map[string]string {
	if !value(b.AddPreviousOutputInEnv, true) {
		return nil
	}
	return map[string]string{"PULUMI_COMMAND_STDOUT": previous.Stdout, "PULUMI_COMMAND_STDERR": previous.Stderr}
}

// runner runs a command and returns its output.
type runner func(ctx context.Context, command string, previous map[string]string) (Printed, error)

// onUpdate runs `update`, else `create`; without either, it keeps the previous output.
func (b *Base) onUpdate(ctx context.Context, previous Printed, run runner) (Printed, error) {
	command := b.Update
	if command == nil {
		command = b.Create
	}
	if command == nil {
		return previous, nil
	}
	return run(ctx, *command, b.previousEnvironment(previous))
}

func (b *Base) onCreate(ctx context.Context, run runner) (Printed, error) {
	if b.Create == nil {
		return Printed{}, nil
	}
	return run(ctx, *b.Create, nil)
}

func (b *Base) onDelete(ctx context.Context, previous Printed, run runner) error {
	if b.Delete == nil {
		return nil
	}
	_, err := run(ctx, *b.Delete, b.previousEnvironment(previous))
	return err
}

// newID returns the resource's name and eight random hex digits.
func newID(name string) (string, error) {
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return name + hex.EncodeToString(random), nil
}
