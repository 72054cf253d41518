package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"portreeve.dev/e2e/cluster/image"
)

// EchoImage is the name of the conformance suite's backend, without its tag.
const EchoImage = "registry.k8s.io/gateway-api/conformance/echo-basic"

// echoTags are the tags that the suite asks for; it is one program.
var echoTags = []string{"v0.1.0", "v0.2.0"}

// ProductPrograms are our programs that have an image, which is named after the program.
var ProductPrograms = []string{"portreeve-controller", "portreeve-dataplane", "portreeve-demo-backend"}

// ChartVersion is the version that the Helm chart's images have unless its values say otherwise.
func ChartVersion() (string, error) {
	path := filepath.Join(sourceFolder(), "../../helm/portreeve/Chart.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	match := regexp.MustCompile(`(?m)^appVersion:\s*"?([^"\s]+)`).FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("%s: no appVersion", path)
	}
	return string(match[1]), nil
}

// ImageName is how the node calls the image of one of our programs; pods may leave all before PROGRAM out.
func ImageName(program, tag string) string { return "docker.io/library/" + program + ":" + tag }

// ProductImage is the image of one of our programs, as it is in a folder of binaries.
func ProductImage(binaries, program, tag string) (*image.Image, error) {
	made, err := image.Program(filepath.Join(binaries, program))
	if err != nil {
		return nil, err
	}
	made.Names = []string{ImageName(program, tag)}
	return made, nil
}

// LoadImage gives an image to the node. Pods need imagePullPolicy IfNotPresent or Never: there is nowhere to pull from.
func (c *Cluster) LoadImage(ctx context.Context, made *image.Image) error {
	file, err := os.CreateTemp(c.path("run"), "image-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := made.Write(file); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return c.LoadArchive(ctx, file.Name())
}

// LoadArchive gives the images in a tar file to the node: one that `docker save` or image.Write has made.
func (c *Cluster) LoadArchive(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	argv, err := c.insideArguments([]string{"ctr", "--address", c.path("containerd.sock"), "--namespace", "k8s.io",
		"images", "import", "--snapshotter", c.snapshotter(), path})
	if err != nil {
		return err
	}
	return runQuietly(ctx, exec.Command(argv[0], argv[1:]...))
}

// HasImage says whether the node has an image of that name and tag, "docker.io/library/NAME:TAG".
func (c *Cluster) HasImage(ctx context.Context, name string) (bool, error) {
	argv, err := c.insideArguments([]string{"ctr", "--address", c.path("containerd.sock"), "--namespace", "k8s.io",
		"images", "list", "--quiet", "name==" + name})
	if err != nil {
		return false, err
	}
	output, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	return strings.TrimSpace(string(output)) == name, err
}

// LoadProduct gives our own images to the node, from a folder of binaries.
func (c *Cluster) LoadProduct(ctx context.Context, binaries, tag string) error {
	for _, program := range ProductPrograms {
		made, err := ProductImage(binaries, program, tag)
		if err != nil {
			return err
		}
		if err := c.LoadImage(ctx, made); err != nil {
			return err
		}
		c.say("loaded %s", made.Names[0])
	}
	return nil
}

// LoadEcho gives the conformance suite's backend to the node, and builds it if need be.
func (c *Cluster) LoadEcho(ctx context.Context) error {
	if err := Build(ctx, []*Tool{echo}, c.say); err != nil {
		return err
	}
	var names []string
	for _, tag := range echoTags {
		names = append(names, EchoImage+":"+tag)
	}
	made, err := image.Static(echo.Program("echo-basic"), "/echo-basic", names...)
	if err != nil {
		return err
	}
	if err := c.LoadImage(ctx, made); err != nil {
		return err
	}
	c.say("loaded %s, %v", EchoImage, echoTags)
	return nil
}

// loadPause waits for containerd and gives it the sandboxes' image.
func (c *Cluster) loadPause(ctx context.Context) error {
	err := c.await(ctx, 30*time.Second, "containerd", []string{keeper, "containerd"}, func() bool {
		argv, err := c.insideArguments([]string{"ctr", "--address", c.path("containerd.sock"), "version"})
		return err == nil && exec.CommandContext(ctx, argv[0], argv[1:]...).Run() == nil
	})
	if err != nil {
		return c.withLog(err, "containerd")
	}
	made, err := image.Static(pause.Program("pause"), "/pause", pauseImage)
	if err != nil {
		return err
	}
	return c.LoadImage(ctx, made)
}
