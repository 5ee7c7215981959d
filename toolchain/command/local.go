package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// LocalCommand is command:local:Command.
type LocalCommand struct{}

// Annotate names the resource as the SDKs do.
func (c *LocalCommand) Annotate(a infer.Annotator) { a.SetToken("local", "Command") }

// LocalInputs are its inputs.
type LocalInputs struct {
	Base
	Interpreter  *[]string `pulumi:"interpreter,optional"`
	Dir          *string   `pulumi:"dir,optional"`
	AssetPaths   *[]string `pulumi:"assetPaths,optional"`
	ArchivePaths *[]string `pulumi:"archivePaths,optional"`
}

// LocalOutputs are its outputs.
type LocalOutputs struct {
	LocalInputs
	Printed
	Assets  *map[string]*resource.Asset `pulumi:"assets,optional"`
	Archive *resource.Archive           `pulumi:"archive,optional"`
}

// Create runs `create`, then collects the files that match assetPaths and archivePaths.
func (c *LocalCommand) Create(
	ctx context.Context, request infer.CreateRequest[LocalInputs],
) (infer.CreateResponse[LocalOutputs], error) {
	response := infer.CreateResponse[LocalOutputs]{Output: LocalOutputs{LocalInputs: request.Inputs}}
	var err error
	if response.ID, err = newID(request.Name); err != nil || request.DryRun {
		return response, err
	}
	if response.Output.Printed, err = request.Inputs.onCreate(ctx, request.Inputs.run); err == nil {
		err = response.Output.collect()
	}
	return response, err
}

// Update runs `update`, else `create`, then collects the files again.
func (c *LocalCommand) Update(
	ctx context.Context, request infer.UpdateRequest[LocalInputs, LocalOutputs],
) (infer.UpdateResponse[LocalOutputs], error) {
	response := infer.UpdateResponse[LocalOutputs]{
		Output: LocalOutputs{LocalInputs: request.Inputs, Printed: request.State.Printed},
	}
	if request.DryRun {
		return response, nil
	}
	var err error
	response.Output.Printed, err = request.Inputs.onUpdate(ctx, request.State.Printed, request.Inputs.run)
	if err == nil {
		err = response.Output.collect()
	}
	return response, err
}

// Delete runs `delete` of the state.
func (c *LocalCommand) Delete(
	ctx context.Context, request infer.DeleteRequest[LocalOutputs],
) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, request.State.onDelete(ctx, request.State.Printed, request.State.run)
}

func (i *LocalInputs) run(ctx context.Context, command string, previous map[string]string) (Printed, error) {
	interpreter := value(i.Interpreter, nil)
	if len(interpreter) == 0 {
		interpreter = []string{"/bin/sh", "-c"}
	}
	process := exec.CommandContext(ctx, interpreter[0], append(interpreter[1:len(interpreter):len(interpreter)], command)...)
	process.Dir = value(i.Dir, "")
	process.Stdin = strings.NewReader(value(i.Stdin, ""))
	process.Env = os.Environ()
	for name, text := range previous {
		process.Env = append(process.Env, name+"="+text)
	}
	for name, text := range value(i.Environment, nil) {
		process.Env = append(process.Env, name+"="+text)
	}
	// Stop the interpreter's children with it, and do not wait for processes that keep a stream open.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGTERM) }
	process.WaitDelay = 10 * time.Second
	kept := newCapture(ctx)
	stdout, stderr := kept.streams(i.Logging)
	process.Stdout, process.Stderr = stdout, stderr
	err := process.Run()
	printed := Printed{}
	printed.Stdout, printed.Stderr = kept.finish(stdout, stderr)
	if err != nil {
		return printed, kept.failure(err, command)
	}
	return printed, nil
}

// collect makes assets and an archive of the files below `dir` that match the path patterns.
func (o *LocalOutputs) collect() error {
	if o.AssetPaths != nil {
		files, err := match(value(o.Dir, "."), *o.AssetPaths)
		if err != nil {
			return err
		}
		assets := map[string]*resource.Asset{}
		for name, path := range files {
			if assets[name], err = asset.FromPath(path); err != nil {
				return err
			}
		}
		o.Assets = &assets
	}
	if o.ArchivePaths != nil {
		files, err := match(value(o.Dir, "."), *o.ArchivePaths)
		if err != nil {
			return err
		}
		members := map[string]any{}
		for name, path := range files {
			if members[name], err = asset.FromPath(path); err != nil {
				return err
			}
		}
		if o.Archive, err = archive.FromAssets(members); err != nil {
			return err
		}
	}
	return nil
}

// match lists the files below `root` that match the patterns: a later pattern overrides, `!` excludes, `**` crosses
// folders. Keys are paths relative to root, with slashes.
func match(root string, patterns []string) (map[string]string, error) {
	type rule struct {
		matcher glob.Glob
		keep    bool
	}
	var rules []rule
	for _, pattern := range patterns {
		text, negated := strings.CutPrefix(pattern, "!")
		matcher, err := glob.Compile(text, '/')
		if err != nil {
			return nil, fmt.Errorf("path pattern %q: %w", pattern, err)
		}
		rules = append(rules, rule{matcher, !negated})
	}
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name, chosen := filepath.ToSlash(below), false
		for _, one := range rules {
			if one.matcher.Match(name) {
				chosen = one.keep
			}
		}
		if chosen {
			found[name] = path
		}
		return nil
	})
	return found, err
}
