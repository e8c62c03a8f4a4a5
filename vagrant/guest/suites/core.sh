#!/bin/bash
# The main job with this machine as the host: two networks, names, isolation, masquerade, published ports, SIGKILL of the
# daemon under a download, --purge. A LAN with a client and a server are namespaces beside it:
#
#     client 192.0.2.100 (eth0) -------+
#     server 192.0.2.200 (eth0) -------+--- bridge of the namespace ebn-lan
#     this machine 192.0.2.1 (lan0) ---+
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

machine=192.0.2.1 client=192.0.2.100 server=192.0.2.200
cat_web=172.30.1.10 cat_db=172.30.1.11 cat_files=172.30.1.12 dog_web=172.30.2.10
blob=$scratch/blob
kept=$scratch/kept
mib=1048576

on() { local name=$1; shift; nsenter --net="/run/netns/ebn-$name" -- "$@"; }
plug() {  # NETNS|PID DEVICE: a cable from the LAN
  ip -n ebn-lan link add "to-$1" type veth peer name "$2" netns "$1"
  ip -n ebn-lan link set "to-$1" master br0 up
}
set_up() {
  local name
  for name in lan client server; do
    ip netns add "ebn-$name"
    ip -n "ebn-$name" link set lo up
  done
  ip -n ebn-lan link add br0 up type bridge forward_delay 0
  plug $$ lan0
  ip addr add $machine/24 dev lan0
  ip link set lan0 up
  for name in client server; do
    plug ebn-$name eth0
    ip -n ebn-$name addr add "${!name}/24" dev eth0
    ip -n ebn-$name link set eth0 up
  done
  on server "$here/serve.sh" server 80 &
  server_process=$!
  dd if=/dev/urandom of="$blob" bs=$mib count=32 2>/dev/null
}
take_down() {
  local name
  exec 7<&-
  kill "$server_process" || true
  for name in client server lan; do ip netns del "ebn-$name" || true; done
}

# What a server answers; fails when there is no connection within the seconds.
ask() { socat -u "TCP4:$1:$2,connect-timeout=${3:-20}" STDOUT 2>/dev/null; }  # ADDRESS PORT [SECONDS]
ask_from() { ebpfnet exec "$1" -- socat -u "TCP4:$2:$3,connect-timeout=${4:-20}" STDOUT 2>/dev/null; }
ask_from_client() { on client socat -u "TCP4:$1:$2,connect-timeout=${3:-20}" STDOUT 2>/dev/null; }
name_in() { ebpfnet exec "$1" -- getent ahostsv4 "$2" | awk 'NR == 1 { print $1 }'; }  # SANDBOX NAME
drops() { status | jq -r '[.Drops[] | .Packets] | add // 0'; }
# Exactly so many bytes of the download, however they come.
read_on() { dd bs=$mib count="$1" iflag=fullblock <&7 >>"$kept" 2>/dev/null; }  # MIB

# Whatever a daemon could leave in a machine.
traces() {
  ip -o link | sed 's/^[0-9]*: \([^@:]*\).*/link \1/' | sort
  ip -4 -o addr | cut -d' ' -f2- | sort
  ip -4 route show table all | sort
  ip rule
  tc qdisc show dev lan0 | cut -d' ' -f1-3 | grep -v '^qdisc clsact' # stays, empty: others may use it
  tc filter show dev lan0 ingress 2>/dev/null || true
  tc filter show dev lan0 egress 2>/dev/null || true
  sysctl net.ipv4.ip_local_reserved_ports net.ipv4.ip_forward net.ipv4.conf.all.forwarding net.ipv4.conf.lan0.forwarding
  find /sys/fs/bpf /run/ebpfnet /var/lib/ebpfnet -mindepth 1 2>/dev/null || true
  find /sys/fs/cgroup -type d -name 'ebpfnet*'
  cut -d' ' -f5 /proc/self/mountinfo | sort
  bpftool prog show | sed -n 's/^[0-9]*: \(.*\) tag .*/program \1/p' | sort
  bpftool map show | sed -n 's/^[0-9]*: \(.*\) flags .*/map \1/p' | sort
}
traces_are_as_before() { traces >"$scratch/after" && diff "$scratch/before" "$scratch/after"; }

set_up
traces >"$scratch/before"
start_daemon

ebpfnet network create --subnet 172.30.1.0/24 cat >/dev/null
ebpfnet network create --subnet 172.30.2.0/24 dog >/dev/null
run() {  # NAME NETWORK ADDRESS [FLAG...] -- COMMAND...
  local name=$1 network=$2 ip=$3
  shift 3
  ebpfnet run -d --name "$name" --network "$network" --ip "$ip" "$@" >/dev/null
}
run cat-db cat $cat_db -- "$here/serve.sh" cat-db 80
run cat-web cat $cat_web -p 8000:80 -- "$here/serve.sh" cat-web 80
run cat-files cat $cat_files -p 6000:80 -- socat -U TCP4-LISTEN:80,fork "OPEN:$blob,rdonly"
run dog-web dog $dog_web -- "$here/serve.sh" dog-web 80
for sandbox in $cat_db $cat_web $cat_files $dog_web; do
  wait_until "$sandbox serves" socat -u OPEN:/dev/null "TCP4:$sandbox:80,connect-timeout=20"
done

equal "a name is answered" "$(name_in cat-web cat-db)" "$cat_db"
equal "by the sandbox's own name server" "$(ebpfnet exec cat-web -- grep nameserver /etc/resolv.conf)" "nameserver 127.0.0.11"
equal "and not for another network" "$(name_in cat-web dog-web)" ''
ebpfnet exec cat-web -- bash -c 'echo private >/etc/ebpfnet-test'
equal "a sandbox writes in its /etc" "$(ebpfnet exec cat-web -- cat /etc/ebpfnet-test)" private
fails "which does not change the machine's" test -e /etc/ebpfnet-test

equal "a neighbour answers to its name" "$(ask_from cat-web cat-db 80)" "cat-db $cat_web"
equal "the host reaches a sandbox" "$(ask "$dog_web" 80)" "dog-web 172.30.2.1"
equal "nothing was dropped so far" "$(drops)" 0
fails "cat does not reach dog" ask_from cat-web $dog_web 80 1
refused=$(drops)
holds "its packets were counted" test "$refused" -gt 0
fails "dog does not reach cat" ask_from dog-web $cat_db 80 1
holds "its packets were counted" test "$(drops)" -gt "$refused"

equal "masquerade hides the sandbox" "$(ask_from cat-web $server 80)" "server $machine"
equal "a published port keeps the client's address" "$(ask_from_client $machine 8000)" "cat-web $client"
equal "a process of the host cannot take it" \
  "$(timeout 20 socat -u TCP4-LISTEN:8000 STDOUT 2>&1 | grep -o 'Address already in use')" "Address already in use"

exec 7< <(on client socat -u TCP4:$machine:6000 STDOUT)
read_on 8
end_daemon KILL
read_on 8
equal "without the daemon: a new connection to a published port" "$(ask_from_client $machine 8000)" "cat-web $client"
start_daemon
read_on 8
equal "after its restart: names" "$(ask_from cat-web cat-db 80)" "cat-db $cat_web"
equal "masquerade" "$(ask_from cat-web $server 80)" "server $machine"
cat <&7 >>"$kept"
holds "the download went on all the time and is complete" cmp "$blob" "$kept"
found=$(status --verify)
equal "the kernel has what was asked for" "$(jq -c .Problems <<<"$found")" '[]'
equal "reasons of all drops" "$(jq -c '[.Drops[] | .Reason] | unique' <<<"$found")" '["isolated"]'

end_daemon TERM
holds "--purge" ebpfnetd --purge
wait_until "--purge leaves nothing" traces_are_as_before
echo "ok: --purge leaves nothing"
