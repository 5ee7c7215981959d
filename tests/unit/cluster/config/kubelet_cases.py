"""Kubelet settings with the configuration's verdict. tests/engine compares it with a real kubelet's.

`CASES` are refused: a name, the settings, and key and text of the only error. `GOOD` are accepted.
"""

from __future__ import annotations

from typing import Any

OWN = "is set by the program: "
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("a key that the program sets", {"clusterDNS": ["10.3.0.11"]}, "clusterDNS", f"{OWN}set network.clusterDNS"),
    (
        "a nested key that the program sets",
        {"authentication": {"x509": {"clientCAFile": "/x"}}},
        "authentication.x509.clientCAFile",
        f"{OWN}the CA comes from the plan",
    ),
    *(
        (
            f"null that removes a key of the program: {key}",
            settings,
            key,
            "null would remove authentication.x509.clientCAFile, which is set by the program: the CA comes from the plan",
        )
        for key, settings in (
            ("authentication", {"authentication": None}),
            ("authentication.x509", {"authentication": {"x509": None}}),
        )
    ),
    (
        "null for a key of the program",
        {"staticPodPath": None},
        "staticPodPath",
        f"{OWN}the program's static pods are there",
    ),
    ("an unknown key", {"maxPod": 50}, "maxPod", "is not a key of KubeletConfiguration v1beta1; did you mean maxPods?"),
    (
        "an unknown nested key",
        {"authentication": {"webhook": {"cacheTtl": "1m"}}},
        "authentication.webhook.cacheTtl",
        "is not a key of KubeletConfiguration v1beta1; did you mean cacheTTL?",
    ),
    (
        "an unknown nested key like no other",
        {"memorySwap": {"how": "NoSwap"}},
        "memorySwap.how",
        "is not a key of KubeletConfiguration v1beta1; known here: swapBehavior",
    ),
    ("a number as text", {"maxPods": "50"}, "maxPods", "'50' is not a whole number"),
    ("true as a number", {"maxPods": True}, "maxPods", "True is not a whole number"),
    ("an object as a list", {"tlsCipherSuites": {}}, "tlsCipherSuites", "{} is not a list"),
    ("text as an object", {"authentication": "none"}, "authentication", "'none' is not an object"),
    (
        "a duration without unit",
        {"nodeStatusUpdateFrequency": 10},
        "nodeStatusUpdateFrequency",
        '10 is not a duration such as "1m30s"',
    ),
    (
        "a nested duration without unit",
        {"authentication": {"webhook": {"cacheTTL": "60"}}},
        "authentication.webhook.cacheTTL",
        "'60' is not a duration such as \"1m30s\"",
    ),
    ("a number of CPUs", {"systemReserved": {"cpu": 1}}, "systemReserved.cpu", "1 is not text"),
    (
        "an unknown reserved resource",
        {"kubeReserved": {"gpu": "1"}},
        "kubeReserved.gpu",
        "is not one of cpu, memory, ephemeral-storage, pid",
    ),
    (
        "an invalid reserved quantity",
        {"systemReserved": {"memory": "1 GB"}},
        "systemReserved.memory",
        '\'1 GB\' is not a quantity in quotes, such as "500m" or "1Gi"',
    ),
    (
        "a boolean as policy option",
        {
            "cpuManagerPolicy": "static",
            "systemReserved": {"cpu": "1"},
            "cpuManagerPolicyOptions": {"full-pcpus-only": True},
        },
        "cpuManagerPolicyOptions.full-pcpus-only",
        "True is not text",
    ),
    (
        "a number to reclaim",
        {"evictionMinimumReclaim": {"memory.available": 100}},
        "evictionMinimumReclaim.memory.available",
        "100 is not text",
    ),
    (
        "an unknown eviction signal",
        {"evictionHard": {"memory.free": "5%"}},
        "evictionHard.memory.free",
        "is not one of memory.available, nodefs.available, nodefs.inodesFree, imagefs.available, imagefs.inodesFree, "
        "containerfs.available, containerfs.inodesFree, allocatableMemory.available, pid.available",
    ),
    (
        "a threshold of zero",
        {"evictionHard": {"memory.available": "0"}},
        "evictionHard.memory.available",
        "'0' is neither a positive quantity, such as 100Mi, nor a percentage, such as 5%",
    ),
    (
        "a soft threshold without grace period",
        {"evictionSoft": {"memory.available": "5%"}},
        "evictionSoft.memory.available",
        "needs a grace period: set evictionSoftGracePeriod.memory.available, too",
    ),
    (
        "an unknown feature gate",
        {"featureGates": {"NoSuchGate": True}},
        "featureGates.NoSuchGate",
        "is not a feature gate of this Kubernetes version: the kubelet would not start",
    ),
    (
        "text for a feature gate",
        {"featureGates": {"NodeLogQuery": "true"}},
        "featureGates.NodeLogQuery",
        "'true' is not true or false",
    ),
    (
        "a locked feature gate",
        {"featureGates": {"NodeSwap": False}},
        "featureGates.NodeSwap",
        "is always true in this Kubernetes version: leave it out",
    ),
    (
        "a value that is not a choice of its key",
        {"topologyManagerPolicy": "strict"},
        "topologyManagerPolicy",
        "'strict' is not one of none, best-effort, restricted, single-numa-node",
    ),
    (
        "a value that is not a choice of its type",
        {"authorization": {"mode": "RBAC"}},
        "authorization.mode",
        "'RBAC' is not one of AlwaysAllow, Webhook",
    ),
    ("a number out of bounds", {"oomScoreAdj": -2000}, "oomScoreAdj", "-2000 is not between -1000 and 1000"),
    ("a number too small", {"containerLogMaxFiles": 1}, "containerLogMaxFiles", "1 is less than 2"),
    (
        "serial pulls with the program's parallel ones",
        {"serializeImagePulls": True},
        "serializeImagePulls",
        "is true, and maxParallelImagePulls is 5: set maxParallelImagePulls to 1, too",
    ),
    (
        "a shutdown shorter than the program's for critical pods",
        {"shutdownGracePeriod": "20s"},
        "shutdownGracePeriod",
        "'20s' is less than shutdownGracePeriodCriticalPods ('30s'): set shutdownGracePeriodCriticalPods, too",
    ),
    (
        "a shutdown by priority together with the program's",
        {"shutdownGracePeriodByPodPriority": [{"priority": 0, "shutdownGracePeriodSeconds": 10}]},
        "shutdownGracePeriodByPodPriority",
        "is set together with shutdownGracePeriod ('45s') and shutdownGracePeriodCriticalPods: set both to \"0s\", too",
    ),
    (
        "an unknown key in a list",
        {
            "shutdownGracePeriod": "0s",
            "shutdownGracePeriodCriticalPods": "0s",
            "shutdownGracePeriodByPodPriority": [{"prio": 0, "shutdownGracePeriodSeconds": 10}],
        },
        "shutdownGracePeriodByPodPriority[0].prio",
        "is not a key of KubeletConfiguration v1beta1; did you mean priority?",
    ),
    (
        "graceful shutdown without its gate",
        {
            "featureGates": {
                "GracefulNodeShutdown": False,
                "GracefulNodeShutdownBasedOnPodPriority": False,
                "WindowsGracefulNodeShutdown": False,
            }
        },
        "featureGates.GracefulNodeShutdown",
        'is false, and shutdownGracePeriod is set: set shutdownGracePeriod and shutdownGracePeriodCriticalPods to "0s"',
    ),
    (
        "image garbage collection thresholds in reverse",
        {"imageGCHighThresholdPercent": 75},
        "imageGCLowThresholdPercent",
        "80 is not less than imageGCHighThresholdPercent (75)",
    ),
    (
        "a maximum image age below the minimum age",
        {"imageMaximumGCAge": "1m"},
        "imageMaximumGCAge",
        "'1m' is not more than imageMinimumGCAge (120s)",
    ),
    (
        "an enforcement without its control group",
        {"enforceNodeAllocatable": ["pods", "system-reserved"]},
        "enforceNodeAllocatable[1]",
        "'system-reserved' needs systemReservedCgroup",
    ),
    (
        "a repeated enforcement",
        {"enforceNodeAllocatable": ["pods", "pods"]},
        "enforceNodeAllocatable[1]",
        "repeats 'pods'",
    ),
    (
        "static CPUs without a reserved one",
        {"cpuManagerPolicy": "static"},
        "cpuManagerPolicy",
        "static needs a reserved CPU: set reservedSystemCPUs, systemReserved.cpu or kubeReserved.cpu",
    ),
    (
        "a policy without its gate",
        {"memoryReservationPolicy": "TieredReservation"},
        "memoryReservationPolicy",
        "needs the feature gate MemoryQoS: set featureGates.MemoryQoS to true, too",
    ),
    (
        "a gate without the one that it needs",
        {"featureGates": {"ClusterTrustBundleProjection": True}},
        "featureGates.ClusterTrustBundleProjection",
        "needs the feature gate ClusterTrustBundle: set featureGates.ClusterTrustBundle to true, too",
    ),
    (
        "a gate off that others need",
        {"featureGates": {"DRADeviceTaints": False, "DRADeviceTaintRules": True}},
        "featureGates.DRADeviceTaintRules",
        "needs the feature gate DRADeviceTaints: set featureGates.DRADeviceTaints to true, too",
    ),
    (
        "a gate off that needs others off",
        {
            "featureGates": {"GracefulNodeShutdown": False},
            "shutdownGracePeriod": "0s",
            "shutdownGracePeriodCriticalPods": "0s",
        },
        "featureGates.GracefulNodeShutdown",
        "is needed by GracefulNodeShutdownBasedOnPodPriority, WindowsGracefulNodeShutdown: set those to false, too",
    ),
    ("system cgroups without a root", {"systemCgroups": "/system"}, "systemCgroups", "needs cgroupRoot"),
    (
        "a memory limit of zero",
        {"reservedMemory": [{"numaNode": 0, "limits": {"memory": "0"}}]},
        "reservedMemory[0].limits.memory",
        "'0' is not more than zero",
    ),
    (
        "vmodule for JSON",
        {"logging": {"format": "json", "vmodule": [{"filePattern": "x", "verbosity": 3}]}},
        "logging.vmodule",
        "is for logging.format text",
    ),
    (
        "an invalid list of CPUs",
        {"reservedSystemCPUs": "two"},
        "reservedSystemCPUs",
        "'two' is not a list of CPUs, such as 0-1,4",
    ),
    ("a removed mode", {"runOnce": True}, "runOnce", "must not be true: the kubelet no longer has this mode"),
]
LATE = (
    *("an unknown key", "an unknown nested key", "an unknown nested key like no other", "an unknown key in a list"),
    *("an unknown reserved resource", "an invalid reserved quantity", "a threshold of zero"),
    *("an unknown eviction signal", "a soft threshold without grace period"),
    *("a value that is not a choice of its type", "static CPUs without a reserved one"),
)
"""Cases that a kubelet refuses only after it has read its kubeconfig, or only warns about."""

GOOD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "null for a key with a default": {"maxPods": None},
    "quantities": {
        "systemReserved": {"cpu": "500m", "memory": "1Gi", "pid": "1000"},
        "kubeReserved": {"ephemeral-storage": "1G"},
    },
    "durations": {
        "nodeStatusUpdateFrequency": "5m",
        "syncFrequency": "1m30s",
        "volumeStatsAggPeriod": "1.5h",
        "fileCheckFrequency": "0s",
    },
    "evictions": {
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%"},
        "evictionSoft": {"memory.available": "5.5%"},
        "evictionSoftGracePeriod": {"memory.available": "1m30s"},
        "evictionMinimumReclaim": {"memory.available": "0Mi"},
    },
    "pulls one after another": {"serializeImagePulls": True, "maxParallelImagePulls": 1},
    "a shorter shutdown": {"shutdownGracePeriod": "20s", "shutdownGracePeriodCriticalPods": "10s"},
    "shutdown by priority": {
        "shutdownGracePeriod": "0s",
        "shutdownGracePeriodCriticalPods": "0s",
        "shutdownGracePeriodByPodPriority": [{"priority": 0, "shutdownGracePeriodSeconds": 10}],
    },
    "gates": {"featureGates": {"NodeLogQuery": True, "AllAlpha": False}, "enableSystemLogQuery": True},
    "static CPUs": {
        "cpuManagerPolicy": "static",
        "systemReserved": {"cpu": "1"},
        "cpuManagerPolicyOptions": {"full-pcpus-only": "true"},
    },
    "logging": {
        "logging": {
            "format": "json",
            "flushFrequency": "5s",
            "verbosity": 3,
            "options": {"json": {"infoBufferSize": "0"}},
        }
    },
    "flush in nanoseconds": {"logging": {"flushFrequency": 5000000000}},
    "swap": {"failSwapOn": False, "memorySwap": {"swapBehavior": "LimitedSwap"}},
    "tracing": {"tracing": {"endpoint": "127.0.0.1:4317", "samplingRatePerMillion": 100}},
    "anonymous": {"authentication": {"anonymous": {"enabled": False}, "webhook": {"cacheTTL": "30s"}}},
    "crash loops": {"crashLoopBackOff": {"maxContainerRestartPeriod": "60s"}},
    "no enforcement": {"enforceNodeAllocatable": ["none"], "cgroupsPerQOS": False},
}
