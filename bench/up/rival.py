"""Bring-up by kubeadm, as its documentation has it: init, then a join per node. The hosts are prepared as that asks for.

Settings are those of the stack `hosts`, as far as both have them: the kubelet accepts swap and cgroup v1, kube-proxy uses nftables and
leaves the kernel's limits alone. Pod networks are routed by the same CNI plugins: their files and routes are on the hosts before.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from bench.up import files
from bench.up.hosts import STACK, Failed, Hosts
from bench.up.readiness import document
from lab import parts, stack

PROGRAMS = "/usr/local/bin"
ARCHIVES = "/var/lib/bench-images"
ENDPOINT = "cluster-endpoint"
PORT = 6443
PODS = "10.2.0.0/16"
SERVICES = "10.3.0.0/16"
CONFIG = "/etc/kubeadm.yaml"
RESOLVER = "/etc/node-resolv.conf"
COMMAND_SECONDS = 300
SHARED_KERNEL = "SystemVerification,Swap,NumCPU,Mem,FileContent--proc-sys-net-bridge-bridge-nf-call-iptables"
"""Checks of kubeadm that container hosts cannot meet: they share the kernel of the machine."""

CONTAINERD = f"""version = 3

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{parts.PAUSE_IMAGE}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = true
"""
CONTAINERD_UNIT = f"""[Unit]
Description=containerd container runtime
After=network.target local-fs.target

[Service]
ExecStart={PROGRAMS}/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"""
# The unit and its drop-in as in Kubernetes' Debian package, in one file.
KUBELET_UNIT = f"""[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart={PROGRAMS}/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
"""


class Kubeadm:
    """kubeadm. Nodes join one after the other, or all at once: since its 1.15 the documentation allows that.

    `endpoint` is the address of the cluster's endpoint, by default that of the first control-plane node.
    """

    def __init__(self, at_once: bool, endpoint: str = "") -> None:
        self.at_once = at_once
        self.endpoint = endpoint
        self.name = "kubeadm, joins at once" if at_once else "kubeadm"

    def prepare(self, hosts: Hosts) -> None:
        """Installs programs, units, images and the pods' network; containerd runs, and the kubelet's unit is enabled."""
        files.serve(hosts, files.built())
        endpoint = self.endpoint or hosts.addresses[hosts.control_plane[0]]
        hosts.each({host: preparation(hosts, host, endpoint) for host in hosts.addresses})

    def bring_up(self, hosts: Hosts) -> dict[str, float]:
        """Runs init and the joins; returns the seconds of each command."""
        first, *others = hosts.control_plane
        token, key = f"{secrets.token_hex(3)}.{secrets.token_hex(8)}", secrets.token_hex(32)
        text = configuration(first, hosts.addresses[first], token, key)
        seconds: dict[str, float] = {}

        def timed(label: str, act: Callable[[], str]) -> str:
            begun = time.monotonic()
            printed = act()
            seconds[label] = time.monotonic() - begun
            return printed

        init = f"kubeadm init --config {CONFIG} --upload-certs --ignore-preflight-errors={SHARED_KERNEL}\n"
        script = files.writing({CONFIG: text}) + init
        printed = timed("init", lambda: hosts.root(first, script, COMMAND_SECONDS))
        digest = ca_digest(printed)

        def join(host: str) -> None:
            command = joining(host, hosts.addresses[host], token, digest, key if host in others else "")
            timed(f"join {host}", lambda: hosts.root(host, command, COMMAND_SECONDS))

        with ThreadPoolExecutor(max_workers=len(hosts.addresses) if self.at_once else 1) as pool:
            for done in [pool.submit(join, host) for host in (*others, *hosts.workers)]:
                done.result()
        return seconds

    def read(self, hosts: Hosts, *kinds: str) -> dict[str, Any]:
        """Objects of the cluster, as the API lists them."""
        get = f"kubectl --kubeconfig /etc/kubernetes/admin.conf get {','.join(kinds)} --all-namespaces"
        return document(hosts.root(hosts.control_plane[0], f"{get} --output json --request-timeout 10s\n", 60))

    def kubeconfig(self, hosts: Hosts) -> str:
        """The admin's kubeconfig."""
        return hosts.root(hosts.control_plane[0], "cat /etc/kubernetes/admin.conf\n")

    def details(self) -> str:
        """Nothing more."""
        return "[]"


def ca_digest(printed: str) -> str:
    """The digest of the CA's key, as init prints it for the joins. Raises Failed."""
    found = re.search(r"--discovery-token-ca-cert-hash (sha256:[0-9a-f]{64})", printed)
    if found is None:
        raise Failed(f"kubeadm init printed no join command: {printed.strip()[-1000:]}")
    return found[1]


def joining(host: str, address: str, token: str, digest: str, key: str) -> str:
    """The command that joins a host; as a control-plane node with the key of the uploaded certificates."""
    command = (
        f"kubeadm join {ENDPOINT}:{PORT} --token {token} --discovery-token-ca-cert-hash {digest} --node-name {host}"
    )
    command += f" --ignore-preflight-errors={SHARED_KERNEL}"
    if key:
        command += f" --control-plane --certificate-key {key} --apiserver-advertise-address {address}"
    return f"{command}\n"


def configuration(host: str, address: str, token: str, key: str) -> str:
    """kubeadm's configuration for `init` on a host."""
    kubeadm = "kubeadm.k8s.io/v1beta4"
    documents: list[Mapping[str, Any]] = [
        {
            "apiVersion": kubeadm,
            "kind": "InitConfiguration",
            "bootstrapTokens": [{"token": token}],
            "certificateKey": key,
            "localAPIEndpoint": {"advertiseAddress": address, "bindPort": PORT},
            "nodeRegistration": {"name": host},
        },
        {
            "apiVersion": kubeadm,
            "kind": "ClusterConfiguration",
            "kubernetesVersion": f"v{parts.KUBERNETES}",
            "controlPlaneEndpoint": f"{ENDPOINT}:{PORT}",
            # No podSubnet: the pods' networks are in the hosts' CNI files.
            "networking": {"serviceSubnet": SERVICES},
        },
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failSwapOn": False,
            "failCgroupV1": False,
            "protectKernelDefaults": False,
            "resolvConf": RESOLVER,
        },
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": PODS,
            "conntrack": {
                **{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
                **{"udpTimeout": "0s", "udpStreamTimeout": "0s"},
            },
        },
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def pods_of(address: str) -> str:
    """The network of a host's pods, with the rule of the stack's default."""
    last = ipaddress.IPv4Address(address).packed[-1]
    return str(list(ipaddress.IPv4Network(PODS).subnets(new_prefix=24))[last])


def preparation(hosts: Hosts, host: str, endpoint: str) -> str:
    """The script that prepares a host. Everything in it is done before the clock starts."""
    control_plane = host in hosts.control_plane
    archives = files.images(ARCHIVES, control_plane, files.RIVAL_IMAGES)
    kubeadm = [files.Fetched(path, f"{PROGRAMS}/kubeadm") for path in files.KUBEADM.programs]
    own = pods_of(hosts.addresses[host])
    routes = "".join(
        f"ip route replace {pods_of(address)} via {address}\n"
        for name, address in hosts.addresses.items()
        if name != host
    )
    ipam = {"type": "host-local", "ranges": [[{"subnet": own}]], "routes": [{"dst": "0.0.0.0/0"}]}
    cni = {"cniVersion": "1.0.0", "name": STACK, "plugins": [{"type": "ptp", "ipam": ipam}]}
    texts = {
        "/etc/containerd/config.toml": CONTAINERD,
        "/etc/systemd/system/containerd.service": CONTAINERD_UNIT,
        "/etc/systemd/system/kubelet.service": KUBELET_UNIT,
        "/etc/cni/net.d/10-bench.conflist": json.dumps(cni),
        # Nothing answers there. CoreDNS does not start without any.
        RESOLVER: f"nameserver {stack.HOST_GATEWAY}\n",
    }
    pause = f"kubeadm config images list --kubernetes-version v{parts.KUBERNETES} | grep /pause:"
    return (
        files.fetching([*files.programs(PROGRAMS, control_plane), *kubeadm, *archives])
        + files.writing(texts)
        + f"echo '{endpoint} {ENDPOINT}' >>/etc/hosts\n"
        + "echo 1 >/proc/sys/net/ipv4/ip_forward\n"
        + routes
        + "systemctl daemon-reload\nsystemctl enable --quiet kubelet.service\n"
        + "systemctl enable --quiet --now containerd.service\n"
        + files.importing("ctr", archives)
        # kubeadm asks for the release of pause that it was made with.
        + f"ctr --namespace k8s.io images tag --force {parts.PAUSE_IMAGE} $({pause}) >/dev/null\n"
    )
