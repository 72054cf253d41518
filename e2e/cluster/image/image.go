// Package image makes container images without Docker: a list of files becomes one layer in a docker archive, which
// containerd, Docker and Podman load. The same files give the same bytes.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// User is who our programs run as: the "nonroot" of /etc/passwd.
const User = "65532:65532"

// File is one file or folder of an image. It belongs to root.
type File struct {
	Path string      // absolute, in the image
	Mode fs.FileMode // fs.ModeDir for a folder, and fs.ModeSticky as in /tmp
	Data []byte      // of a file
}

// Image is what Write makes an archive of. Folders above a file needn't be listed.
type Image struct {
	Names      []string // NAME:TAG, each
	Entrypoint []string
	User       string // UID:GID; empty: root
	Files      []File
}

// runtimeConfig is the part of an image's configuration that says how it is run.
type runtimeConfig struct {
	User       string   `json:"User,omitempty"`
	Env        []string `json:"Env"`
	Entrypoint []string `json:"Entrypoint"`
	WorkingDir string   `json:"WorkingDir"`
}

type layers struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type configuration struct {
	Architecture string              `json:"architecture"`
	OS           string              `json:"os"`
	Config       runtimeConfig       `json:"config"`
	RootFS       layers              `json:"rootfs"`
	History      []map[string]string `json:"history"`
}

type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Write writes the archive.
func (i *Image) Write(to io.Writer) error {
	layer, err := i.layer()
	if err != nil {
		return err
	}
	config, err := json.Marshal(configuration{
		Architecture: runtime.GOARCH, OS: "linux",
		Config: runtimeConfig{User: i.User, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, Entrypoint: i.Entrypoint, WorkingDir: "/"},
		RootFS: layers{Type: "layers", DiffIDs: []string{"sha256:" + digest(layer)}}, History: []map[string]string{{}},
	})
	if err != nil {
		return err
	}
	configName := digest(config) + ".json"
	index, err := json.Marshal([]manifest{{Config: configName, RepoTags: i.Names, Layers: []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	for _, member := range []struct {
		name string
		data []byte
	}{{"layer.tar", layer}, {configName, config}, {"manifest.json", index}} {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: member.name, Mode: 0o644, Size: int64(len(member.data))}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(member.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// layer is the tar of the files, sorted, each after the folder that it is in.
func (i *Image) layer() ([]byte, error) {
	files, err := i.withFolders()
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for _, file := range files {
		if err := add(archive, file); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

func (i *Image) withFolders() ([]File, error) {
	all := map[string]File{}
	for _, file := range i.Files {
		if !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path || file.Path == "/" {
			return nil, fmt.Errorf("path %q: want an absolute one without . and ..", file.Path)
		}
		if _, twice := all[file.Path]; twice {
			return nil, fmt.Errorf("path %s is there twice", file.Path)
		}
		all[file.Path] = file
	}
	for _, file := range i.Files {
		for folder := path.Dir(file.Path); folder != "/"; folder = path.Dir(folder) {
			if above, there := all[folder]; !there {
				all[folder] = File{Path: folder, Mode: fs.ModeDir | 0o755}
			} else if !above.Mode.IsDir() {
				return nil, fmt.Errorf("%s is in %s, which is a file", file.Path, folder)
			}
		}
	}
	sorted := make([]File, 0, len(all))
	for _, file := range all {
		sorted = append(sorted, file)
	}
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return sorted, nil
}

func add(archive *tar.Writer, file File) error {
	header := &tar.Header{Name: strings.TrimPrefix(file.Path, "/"), Mode: int64(file.Mode.Perm())}
	if file.Mode&fs.ModeSticky != 0 {
		header.Mode |= 0o1000
	}
	if file.Mode.IsDir() {
		header.Typeflag, header.Name = tar.TypeDir, header.Name+"/"
		return archive.WriteHeader(header)
	}
	header.Typeflag, header.Size = tar.TypeReg, int64(len(file.Data))
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(file.Data)
	return err
}

// Program is the image of one of our C++ programs: what root.sh lays out for it, run as User. It has no name yet.
func Program(binary string) (*Image, error) {
	if info, err := os.Stat(binary); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("no program %s: build it first (hack/build release)", binary)
	}
	root, err := os.MkdirTemp("", "portreeve-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	if output, err := exec.Command("bash", rootScript(), binary, root).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("lay out the image of %s: %w: %s", binary, err, bytes.TrimSpace(output))
	}
	files, err := tree(root)
	if err != nil {
		return nil, err
	}
	return &Image{Entrypoint: []string{"/usr/local/bin/" + filepath.Base(binary)}, User: User, Files: files}, nil
}

// tree lists a folder.
func tree(root string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		file := File{Path: strings.TrimPrefix(path, root), Mode: info.Mode()}
		switch {
		case info.Mode().IsRegular():
			file.Data, err = os.ReadFile(path)
		case !info.IsDir():
			err = errors.New(path + " is neither a file nor a folder")
		}
		files = append(files, file)
		return err
	})
	return files, err
}

// Static is the image of one program that needs nothing else.
func Static(binary, in string, names ...string) (*Image, error) {
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	return &Image{Names: names, Entrypoint: []string{in}, Files: []File{{Path: in, Mode: 0o755, Data: data}}}, nil
}

// rootScript says what is in the image of a program; the Dockerfile uses it, too.
func rootScript() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "root.sh")
}
