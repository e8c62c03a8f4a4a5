"""Runs the CNI plugins bridge and host-local in the network namespace that it is started in: one line of standard input is
one command ("ADD" or "DEL"), one line of output the milliseconds that it took.

usage: cni_worker.py NETNS_PATH STATE_DIR
"""

import json
import os
import subprocess
import sys
import time

PLUGINS = "/usr/lib/cni"


def main():
    netns, state = sys.argv[1:]
    ipam = {"type": "host-local", "dataDir": state, "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    net = {"cniVersion": "1.0.0", "name": "bench", "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False}
    config = json.dumps({**net, "ipam": ipam})
    environment = {"PATH": f"{PLUGINS}:{os.environ['PATH']}", "CNI_PATH": PLUGINS, "CNI_NETNS": netns, "CNI_IFNAME": "eth1"}
    print("ready", flush=True)
    for line in sys.stdin:
        variables = {**environment, "CNI_COMMAND": line.strip(), "CNI_CONTAINERID": "bench"}
        begin = time.perf_counter()
        done = subprocess.run([f"{PLUGINS}/bridge"], env=variables, input=config, capture_output=True, text=True)
        took = (time.perf_counter() - begin) * 1e3
        print(took if done.returncode == 0 else f"failed: {done.stdout} {done.stderr}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
