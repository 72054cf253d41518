# Runs in the cluster's network namespace: a bridge holds the node's address and, later, every pod.
# $1: the node's address. $2: the pods' network. $3: the Services' network. $4: the load balancer's network.
# $5, $6: the first two again, for IPv6.
ip link set lo up
# With an address of its own the bridge keeps it; otherwise it takes that of a pod, and loses packets when that pod goes.
ip link add cni0 address 02:00:0a:58:00:01 type bridge
ip address add "$1/${2#*/}" dev cni0
# Nobody else can have it; without looking for others, it may be used at once.
ip address add "$5/${6#*/}" dev cni0 nodad
ip link set cni0 up
# Without a route to them, a packet to a virtual address never reaches kube-proxy's rules.
ip route add "$3" dev cni0
ip route add "$4" dev cni0
echo 1 >/proc/sys/net/ipv4/ip_forward
# So that the rules see traffic between two pods of the bridge, and answers come back the way they must.
if [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
  echo "the kernel has no br_netfilter: load it with modprobe br_netfilter" >&2
  exit 1
fi
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
