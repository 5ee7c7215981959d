package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/pkg/sftp"
	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// CopyToRemote is command:remote:CopyToRemote.
type CopyToRemote struct{}

// Annotate names the resource as the SDKs do.
func (c *CopyToRemote) Annotate(a infer.Annotator) { a.SetToken("remote", "CopyToRemote") }

// CopyInputs are its inputs.
type CopyInputs struct {
	Connection *Connection          `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyOutputs are its outputs.
type CopyOutputs struct {
	CopyInputs
}

// Create copies the source.
func (c *CopyToRemote) Create(
	ctx context.Context, request infer.CreateRequest[CopyInputs],
) (infer.CreateResponse[CopyOutputs], error) {
	response := infer.CreateResponse[CopyOutputs]{Output: CopyOutputs{request.Inputs}}
	var err error
	if response.ID, err = newID(request.Name); err != nil || request.DryRun {
		return response, err
	}
	return response, request.Inputs.copy(ctx)
}

// Update copies if the source, the remote path or the host has changed: a new host does not have the files yet.
func (c *CopyToRemote) Update(
	ctx context.Context, request infer.UpdateRequest[CopyInputs, CopyOutputs],
) (infer.UpdateResponse[CopyOutputs], error) {
	response := infer.UpdateResponse[CopyOutputs]{Output: CopyOutputs{request.Inputs}}
	old, new := request.State.CopyInputs, request.Inputs
	if request.DryRun || (sourceHash(old.Source) == sourceHash(new.Source) && old.RemotePath == new.RemotePath &&
		old.Connection.Host == new.Connection.Host) {
		return response, nil
	}
	return response, new.copy(ctx)
}

func sourceHash(source types.AssetOrArchive) string {
	switch {
	case source.Asset != nil:
		return source.Asset.Hash
	case source.Archive != nil:
		return source.Archive.Hash
	}
	return ""
}

func (i *CopyInputs) copy(ctx context.Context) error {
	connected, err := i.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer connected.Close()
	defer context.AfterFunc(ctx, func() { connected.Close() })()
	files, err := sftp.NewClient(connected.Client)
	if err != nil {
		return fmt.Errorf("%s: starting sftp: %w", i.Connection.Host, err)
	}
	defer files.Close()
	switch {
	case i.Source.Asset != nil:
		err = copyAsset(files, i.Source.Asset, i.RemotePath)
	case i.Source.Archive != nil:
		err = copyArchive(ctx, files, i.Source.Archive, i.RemotePath)
	default:
		err = errors.New("source must be an asset or an archive")
	}
	if err != nil {
		return fmt.Errorf("%s: copying to %s: %w", i.Connection.Host, i.RemotePath, err)
	}
	return nil
}

// copyAsset writes one file; into remotePath if that is a folder.
func copyAsset(files *sftp.Client, source *resource.Asset, remote string) error {
	content, err := source.Read()
	if err != nil {
		return err
	}
	defer content.Close()
	if info, err := files.Stat(remote); err == nil && info.IsDir() {
		if !source.IsPath() {
			return errors.New("remotePath is a folder, and a text asset has no file name: set remotePath to a file")
		}
		remote = path.Join(remote, path.Base(source.Path))
	}
	return write(files, content, remote)
}

// copyArchive writes every member. Like rsync, it copies a folder without trailing slash as a folder.
func copyArchive(ctx context.Context, files *sftp.Client, source *resource.Archive, remote string) error {
	if folder, isPath := source.GetPath(); isPath && folder[len(folder)-1] != '/' {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			if there, err := files.Stat(remote); err == nil && there.IsDir() {
				remote = path.Join(remote, path.Base(folder))
			}
		}
	}
	reader, err := source.Open()
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		name, content, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		provider.GetLogger(ctx).InfoStatusf("copying %s", name)
		err = write(files, content, path.Join(remote, name))
		content.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

func write(files *sftp.Client, content io.Reader, remote string) error {
	if err := files.MkdirAll(path.Dir(remote)); err != nil {
		return err
	}
	target, err := files.Create(remote)
	if err != nil {
		return err
	}
	if _, err := target.ReadFrom(content); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}
