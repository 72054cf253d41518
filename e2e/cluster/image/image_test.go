package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// members are the files of a tar by name, with their headers.
func members(t *testing.T, archive []byte) (names []string, data map[string][]byte, headers map[string]*tar.Header) {
	t.Helper()
	data, headers = map[string][]byte{}, map[string]*tar.Header{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names, data, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		data[header.Name], headers[header.Name] = text, header
	}
}

func written(t *testing.T, image *Image) []byte {
	t.Helper()
	var archive bytes.Buffer
	if err := image.Write(&archive); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestArchive(t *testing.T) {
	image := &Image{Names: []string{"a:1", "a:2"}, Entrypoint: []string{"/bin/x", "-v"}, User: User, Files: []File{
		{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
		{Path: "/bin/x", Mode: 0o755, Data: []byte("program")},
	}}
	archive := written(t, image)
	if !bytes.Equal(archive, written(t, image)) {
		t.Error("the same image gives other bytes the second time")
	}
	_, data, _ := members(t, archive)
	var index []manifest
	if err := json.Unmarshal(data["manifest.json"], &index); err != nil {
		t.Fatal(err)
	}
	if len(index) != 1 || strings.Join(index[0].RepoTags, " ") != "a:1 a:2" {
		t.Fatalf("manifest %s", data["manifest.json"])
	}
	var config configuration
	if err := json.Unmarshal(data[index[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	layer := data[index[0].Layers[0]]
	if want := "sha256:" + digest(layer); config.RootFS.DiffIDs[0] != want {
		t.Errorf("the layer is %s, the configuration says %s", want, config.RootFS.DiffIDs[0])
	}
	if config.Config.User != User || strings.Join(config.Config.Entrypoint, " ") != "/bin/x -v" {
		t.Errorf("configuration %+v", config.Config)
	}
	names, files, headers := members(t, layer)
	if got := strings.Join(names, " "); got != "bin/ bin/x tmp/" {
		t.Errorf("the layer holds %s", got)
	}
	if string(files["bin/x"]) != "program" || headers["bin/x"].Mode != 0o755 || headers["tmp/"].Mode != 0o1777 {
		t.Errorf("the layer's files: %q, %o, %o", files["bin/x"], headers["bin/x"].Mode, headers["tmp/"].Mode)
	}
}

func TestRefusedPaths(t *testing.T) {
	for name, files := range map[string][]File{
		"relative":           {{Path: "bin/x"}},
		"not clean":          {{Path: "/bin/../x"}},
		"the root":           {{Path: "/", Mode: fs.ModeDir}},
		"twice":              {{Path: "/x"}, {Path: "/x"}},
		"in a file":          {{Path: "/x"}, {Path: "/x/y"}},
		"one above a folder": {{Path: "/x/y/z"}, {Path: "/x"}},
	} {
		if err := (&Image{Files: files}).Write(io.Discard); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The image of a program on this machine runs in a root folder of its own, as its user.
func TestProgramHoldsWhatItNeeds(t *testing.T) {
	binary, err := filepath.EvalSymlinks("/usr/bin/openssl")
	if err != nil {
		t.Fatal(err)
	}
	image, err := Program(binary)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]File{}
	for _, file := range image.Files {
		have[file.Path] = file
	}
	for _, want := range []string{"/usr/local/bin/openssl", "/etc/ssl/certs/ca-certificates.crt", "/etc/passwd", "/etc/group", "/tmp"} {
		if _, there := have[want]; !there {
			t.Errorf("no %s", want)
		}
	}
	if !strings.Contains(string(have["/etc/passwd"].Data), ":"+User+":") {
		t.Errorf("/etc/passwd has no %s: %s", User, have["/etc/passwd"].Data)
	}
	var libraries, loaders int
	for name := range have {
		switch {
		case strings.Contains(name, "/libcrypto.so"), strings.Contains(name, "/libc.so"):
			libraries++
		case strings.Contains(name, "/ld-linux"):
			loaders++
		}
	}
	if libraries != 2 || loaders != 1 {
		t.Errorf("%d of 2 libraries and %d loaders in %d files", libraries, loaders, len(have))
	}
	if have["/tmp"].Mode&fs.ModeSticky == 0 || have["/tmp"].Mode.Perm() != 0o777 {
		t.Errorf("/tmp has mode %v", have["/tmp"].Mode)
	}
}

func TestProgramThatIsNotThere(t *testing.T) {
	if _, err := Program(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "hack/build") {
		t.Errorf("error %v doesn't say what to do", err)
	}
}

// The Dockerfile makes the same images: the same root, the same user, the same entry point, the same environment.
func TestDockerfileAgrees(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(rootScript()), "../../../Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^FROM scratch AS (\S+)\n((?:\S.*\n)+)`).FindAllStringSubmatch(string(text), -1)
	if len(stages) != 3 {
		t.Fatalf("%d images, want 3", len(stages))
	}
	if !strings.Contains(string(text), "e2e/cluster/image/root.sh") {
		t.Error("the Dockerfile doesn't use root.sh")
	}
	var config configuration
	_, data, _ := members(t, written(t, &Image{User: User}))
	for name, content := range data {
		if strings.HasSuffix(name, ".json") && name != "manifest.json" {
			if err := json.Unmarshal(content, &config); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, stage := range stages {
		program := stage[1]
		want := "COPY --from=build /images/" + program + " /\nENV " + config.Config.Env[0] + "\nUSER " + config.Config.User +
			"\nENTRYPOINT [\"/usr/local/bin/" + program + "\"]\n"
		if stage[2] != want {
			t.Errorf("%s:\n%swant\n%s", program, stage[2], want)
		}
	}
}
