# Runs as the first process of the cluster's new namespaces: makes the mounts that all its daemons see, then becomes the
# program that keeps the namespaces. $1: the cluster's state folder. $2: that program.

# Nothing that is mounted here may show outside. The whole tree's flag can only be changed at the namespace's own root,
# which nsenter goes to; it is another folder than / when this runs in a chroot.
nsenter --target $$ --mount -- mount --make-rslave /

# The daemons' root is a mount point, as runc and mount propagation want it; / of a chroot isn't one.
mount --rbind / "$1/root"
mount --make-rshared "$1/root"
cd "$1/root"

# Where programs write whatever they are told: sockets of shims, links to logs, leases of the network plugins.
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs var/log
mount --bind "$1/kubelet" var/lib/kubelet
mount --bind "$1/cni" var/lib/cni

exec chroot . "$2"
