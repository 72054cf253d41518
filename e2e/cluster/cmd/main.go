// The command line of package cluster: a real Kubernetes on this machine, without Docker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/harness"
)

const usage = `A real single-node Kubernetes on this machine, in namespaces of its own, without Docker. Needs root.

  cluster [--name NAME] COMMAND

  build [TOOL…]        builds what is missing of the programs, and says where they are; COMMAND up does it by itself
  up [--crds CHANNEL]  starts the cluster, or leaves it as it is when it runs; removes what a crash has left
  load-image [WHAT…]   gives images to its node: "product" (ours, the default), "echo", or a tar file
  save-image WHAT TAR  writes one of our images to a file that Docker loads
  kubectl ARGS…        kubectl for it
  exec COMMAND ARGS…   runs something in its network, with kubectl and helm on the PATH and KUBECONFIG set
  status               says what isn't as it should be
  logs COMPONENT       prints the log of one of its programs
  down                 ends and removes it

COMMAND --help says more. Requests to Services and load balancer addresses must come from the cluster's network: use exec.
`

// command is one word of the command line. Its flags are parsed before run is called with the words that are left.
type command struct {
	help  string
	flags func(*flag.FlagSet)
	run   func(ctx context.Context, open func() (*cluster.Cluster, error), words []string) error
	// Words that begin with - are for another program.
	plain bool
}

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	options := cluster.Options{Progress: os.Stderr}
	top := flag.NewFlagSet("cluster", flag.ContinueOnError)
	top.Usage = func() { fmt.Fprint(top.Output(), usage) }
	top.StringVar(&options.Name, "name", "", "")
	top.StringVar(&options.State, "state", "", "")
	if err := parse(top, args); err != nil {
		return err
	}
	if top.NArg() == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("say what to do")
	}
	word, words := top.Arg(0), top.Args()[1:]
	chosen, known := commands()[word]
	if !known {
		return fmt.Errorf("no such command: %s (--help)", word)
	}
	flags := flag.NewFlagSet("cluster "+word, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), strings.TrimSpace(chosen.help))
		flags.PrintDefaults()
	}
	if chosen.flags != nil {
		chosen.flags(flags)
	}
	asksForHelp := len(words) > 0 && slices.Contains([]string{"-h", "-help", "--help"}, words[0])
	if !chosen.plain || asksForHelp && word != "kubectl" {
		if err := parse(flags, words); err != nil {
			return err
		}
		words = flags.Args()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return chosen.run(ctx, func() (*cluster.Cluster, error) { return cluster.Open(options) }, words)
}

// parse prints help to stdout when it was asked for.
func parse(flags *flag.FlagSet, words []string) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(words)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stdout)
		flags.Usage()
	}
	return err
}

func commands() map[string]command {
	var channel, binaries, tag string
	imageFlags := func(flags *flag.FlagSet) {
		flags.StringVar(&binaries, "bin", "", "`folder` of our binaries (PORTREEVE_BIN, or build/release/bin)")
		flags.StringVar(&tag, "tag", "", "their `tag` (the chart's appVersion)")
	}
	return map[string]command{
		"build": {run: build, help: "cluster build [TOOL…]\n\nBuilds these tools if they aren't there: " + toolNames() +
			". Without any: all. Programs are kept by version outside the tree, and what is there is built no more."},
		"up": {help: upHelp,
			flags: func(flags *flag.FlagSet) {
				flags.StringVar(&channel, "crds", string(cluster.Experimental), "`channel` of the Gateway API's CRDs: experimental, standard or none")
			},
			run: func(ctx context.Context, open func() (*cluster.Cluster, error), words []string) error {
				c, err := openWith(open, words, 0)
				if err != nil {
					return err
				}
				return c.Up(ctx, cluster.Channel(channel))
			}},
		"load-image": {flags: imageFlags, help: "cluster load-image [FLAGS] [product | echo | FILE.tar]…\n\n" +
			"Gives images to the node. product: those of our programs, made from --bin. echo: the conformance suite's backend.",
			run: func(ctx context.Context, open func() (*cluster.Cluster, error), words []string) error {
				c, err := open()
				if err != nil {
					return err
				}
				return loadImages(ctx, c, words, binaries, tag)
			}},
		"save-image": {flags: imageFlags, help: "cluster save-image [FLAGS] PROGRAM FILE.tar\n\n" +
			"Writes the image of one of our programs (" + strings.Join(cluster.ProductPrograms, ", ") + ") to a file: docker load takes it.",
			run: func(_ context.Context, _ func() (*cluster.Cluster, error), words []string) error {
				return saveImage(words, binaries, tag)
			}},
		"kubectl": {plain: true, help: "cluster kubectl ARGS…\n\nRuns kubectl as the cluster's administrator.",
			run: func(_ context.Context, open func() (*cluster.Cluster, error), words []string) error {
				c, err := open()
				if err != nil {
					return err
				}
				return become(c.Kubectl(words...))
			}},
		"exec": {plain: true, help: "cluster exec COMMAND ARGS…\n\n" +
			"Runs a command in the cluster's network: it reaches pods, Services and load balancer addresses, and nothing outside.\n" +
			"kubectl, helm and conformance.test are on its PATH once they are built, KUBECONFIG is set, files are this machine's.",
			run: func(_ context.Context, open func() (*cluster.Cluster, error), words []string) error {
				c, err := open()
				if err != nil {
					return err
				}
				if len(words) > 0 && words[0] == "--" {
					words = words[1:]
				}
				if len(words) == 0 {
					return errors.New("exec: say which command")
				}
				return become(c.Command(words[0], words[1:]...))
			}},
		"status": {help: "cluster status\n\nExits with 0 when all runs as it should; otherwise it says what doesn't.", run: status},
		"logs":   {help: "cluster logs COMPONENT\n\nPrints the log of one of the cluster's programs.", run: logs},
		"down": {help: "cluster down\n\nEnds every process of the cluster and removes what it has made. Works after a crash, too.",
			run: func(ctx context.Context, open func() (*cluster.Cluster, error), words []string) error {
				c, err := openWith(open, words, 0)
				if err != nil {
					return err
				}
				return c.Down(ctx)
			}},
	}
}

const upHelp = `cluster up [--crds CHANNEL]

Starts etcd, the API server, the controller manager, the scheduler, containerd, the kubelet, kube-proxy, CoreDNS, and a
program that gives addresses of 10.89.0.0/16 to Services of type LoadBalancer; returns when the node is ready. What is
missing of their programs is built first (some minutes, once). A cluster that runs already stays as it is. What a crash has
left of one is removed, with all its objects. It raises fs.inotify.max_user_instances of this machine to 8192.
`

func toolNames() string {
	var names []string
	for _, tool := range cluster.Tools() {
		names = append(names, tool.Name)
	}
	return strings.Join(names, ", ")
}

func openWith(open func() (*cluster.Cluster, error), words []string, most int) (*cluster.Cluster, error) {
	if len(words) > most {
		return nil, fmt.Errorf("that is too much: %s (--help)", strings.Join(words[most:], " "))
	}
	return open()
}

func build(ctx context.Context, _ func() (*cluster.Cluster, error), words []string) error {
	var wanted []*cluster.Tool
	for _, tool := range cluster.Tools() {
		if len(words) == 0 || slices.Contains(words, tool.Name) {
			wanted = append(wanted, tool)
		}
	}
	for _, word := range words {
		if !slices.ContainsFunc(wanted, func(tool *cluster.Tool) bool { return tool.Name == word }) {
			return fmt.Errorf("no such tool: %s (%s)", word, toolNames())
		}
	}
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if err := cluster.Build(ctx, wanted, say); err != nil {
		return err
	}
	for _, tool := range wanted {
		fmt.Printf("%-14s%-10s%s\n", tool.Name, tool.Version(), tool.Folder())
	}
	return nil
}

// imageSource fills in where our binaries are and which tag their images have.
func imageSource(binaries, tag string) (string, string, error) {
	if binaries == "" && os.Getenv("PORTREEVE_BIN") != "" {
		binaries = harness.BinFolder()
	}
	if binaries == "" {
		binaries = filepath.Join(harness.Root(), "../build/release/bin")
	}
	if tag == "" {
		version, err := cluster.ChartVersion()
		return binaries, version, err
	}
	return binaries, tag, nil
}

func loadImages(ctx context.Context, c *cluster.Cluster, words []string, binaries, tag string) error {
	if len(words) == 0 {
		words = []string{"product"}
	}
	for _, word := range words {
		var err error
		switch word {
		case "product":
			if binaries, tag, err = imageSource(binaries, tag); err == nil {
				err = c.LoadProduct(ctx, binaries, tag)
			}
		case "echo":
			err = c.LoadEcho(ctx)
		default:
			err = c.LoadArchive(ctx, word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func saveImage(words []string, binaries, tag string) error {
	if len(words) != 2 || !slices.Contains(cluster.ProductPrograms, words[0]) {
		return fmt.Errorf("save-image: want PROGRAM FILE.tar, where PROGRAM is one of %s", strings.Join(cluster.ProductPrograms, ", "))
	}
	binaries, tag, err := imageSource(binaries, tag)
	if err != nil {
		return err
	}
	made, err := cluster.ProductImage(binaries, words[0], tag)
	if err != nil {
		return err
	}
	file, err := os.Create(words[1])
	if err != nil {
		return err
	}
	return errors.Join(made.Write(file), file.Close())
}

// become replaces this process by a command.
func become(cmd *exec.Cmd, err error) error {
	if err != nil {
		return err
	}
	if cmd.Err != nil {
		return cmd.Err
	}
	return syscall.Exec(cmd.Path, cmd.Args, cmd.Env)
}

func status(ctx context.Context, open func() (*cluster.Cluster, error), words []string) error {
	c, err := openWith(open, words, 0)
	if err != nil {
		return err
	}
	if err := c.Check(ctx); err != nil {
		return err
	}
	fmt.Printf("cluster %s runs; its kubeconfig is %s\n", c.Name(), c.Kubeconfig())
	return nil
}

func logs(_ context.Context, open func() (*cluster.Cluster, error), words []string) error {
	c, err := openWith(open, words, 1)
	if err != nil {
		return err
	}
	if len(words) == 0 || !slices.Contains(c.Components(), words[0]) {
		return fmt.Errorf("logs: want one of %s", strings.Join(c.Components(), ", "))
	}
	file, err := os.Open(c.LogFile(words[0]))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(os.Stdout, file)
	return err
}
