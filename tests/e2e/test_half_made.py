"""A daemon that is killed between making a device and marking it as its own leaves one without a mark: the next start removes it."""

BRIDGES, VETHS = 0xF00000, 0x1000000


def test_a_veth_without_a_mark_goes_and_its_name_in_the_sandbox_is_free_again(host):
    host.create_network("net")
    host.run_idle("web")
    pid = host.inspect("web")["State"]["Pid"]
    host.kill_daemon()
    host.ns.run(
        "ip", "link", "add", "ebv0123456789ab", "index", VETHS + 77, "type", "veth", "peer", "name", "eth1", "netns", pid
    )
    host.start_daemon()
    assert "ebv0123456789ab" not in host.ns.link_names()
    host.cli("network", "connect", "net", "web")
    assert host.pings("web", host.network("net")["IPAM"]["Config"][0]["Gateway"])


def test_a_bridge_without_a_mark_is_made_anew(idle_lab):
    host = idle_lab.host
    host.ns.run("ip", "link", "add", "ebpfnet0", "index", BRIDGES + 1, "type", "bridge")
    host.start_daemon()
    host.run_idle("web")
    assert host.pings("web", "172.17.0.1")


def test_a_bridge_of_somebody_else_is_left_alone(host):
    host.ns.run("ip", "link", "add", "theirs", "type", "bridge")
    host.restart_daemon()
    assert "theirs" in host.ns.link_names()
    told = host.refused("network", "create", "-o", "com.docker.network.bridge.name=theirs", "net")
    assert "a device named 'theirs' exists already" in told
    host.ns.run("ip", "link", "del", "theirs")
