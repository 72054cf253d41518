package cases

import (
	"fmt"
	"net"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// folderPlace is a folder, one file for each object, with `portreeve run` on it.
type folderPlace struct {
	t       testing.TB
	folder  *harness.Folder
	gateway *harness.Gateway
}

func newFolderPlace(t testing.TB) Place { return &folderPlace{t: t, folder: harness.NewFolder(t)} }

func (p *folderPlace) Start(documents string) error {
	if err := p.Apply(documents); err != nil {
		return err
	}
	p.gateway = harness.Run(p.t, p.folder, harness.Options{})
	return nil
}

func (p *folderPlace) Apply(documents string) error { return p.folder.TryApply(documents) }

func (p *folderPlace) Delete(object Reference) error {
	return p.folder.TryDelete(object.Kind, object.Namespace, object.Name)
}

// Status is what `portreeve validate` says, which counts no generations.
func (p *folderPlace) Status(object Reference) (*ObjectStatus, error) {
	result := harness.Validate(p.t, p.folder.Path)
	status := result.Find(object.Kind, object.Namespace, object.Name)
	if status == nil {
		return nil, fmt.Errorf("validate shows no %s %s/%s\n%s", object.Kind, object.Namespace, object.Name, result.Stdout)
	}
	return &ObjectStatus{Status: *status}, nil
}

func (p *folderPlace) Check() error {
	if p.gateway.Running() {
		return nil
	}
	code, _ := p.gateway.Wait(time.Second)
	return fmt.Errorf("%s ended by itself with %d", p.gateway.Name, code)
}

func (p *folderPlace) Dial(port int) (net.Conn, error) {
	return net.DialTimeout("tcp", harness.Address(port), harness.Scale(5*time.Second))
}

func (p *folderPlace) ClientAddress() string { return harness.ClientAddress }

func (p *folderPlace) Listen(ipv6 bool) (net.Listener, error) {
	if ipv6 {
		return net.Listen("tcp", "[::1]:0")
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func (p *folderPlace) Settle() time.Duration { return 5 * time.Second }
