package cases

import (
	"net"
	"testing"
	"time"

	"portreeve.dev/e2e/harness"
)

// Place is where one case has its gateway: all that differs between a folder with `portreeve run` and a Kubernetes.
// Names are those of the case file.
type Place interface {
	// Start makes the first objects, and waits until the gateway has taken them up.
	Start(documents string) error
	// Apply puts documents in place of the objects of the same kind, namespace and name, whole.
	Apply(documents string) error
	// Delete removes an object.
	Delete(object Reference) error
	// Status is that of an object, which must be there.
	Status(object Reference) (*ObjectStatus, error)
	// Check says what is wrong with the gateway's processes, if one has ended by itself.
	Check() error

	// Dial connects to a listener, by several goroutines at once. An error that is syscall.ECONNREFUSED means that
	// nobody listens.
	Dial(port int) (net.Conn, error)
	// ClientAddress is where such connections come from, as the gateway sees it.
	ClientAddress() string
	// Listen is where a backend accepts connections: on an address that an endpoint may have.
	Listen(ipv6 bool) (net.Listener, error)

	// Settle is how long after a change a check may take to hold.
	Settle() time.Duration
}

// ObjectStatus is a status with the generation of its object; 0 is one that nobody counts.
type ObjectStatus struct {
	harness.Status
	Generation int64
}

// NewPlace makes the place of one case; what it needs to end ends with the test.
type NewPlace func(t testing.TB) Place
