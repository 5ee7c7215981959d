"""The keys of a KubeletConfiguration, kubelet.config.k8s.io/v1beta1, as Kubernetes 1.36 knows them.

Source: the struct KubeletConfiguration of k8s.io/kubelet v0.36.3, config/v1beta1/types.go. The kubelet itself only warns
of a key that it does not know and goes on without it, so a slip of the pen would pass unseen.
"""

from __future__ import annotations

KINDS: dict[str, str] = {
    key: kind
    for kind, keys in {
        "text": """
            address cgroupDriver cgroupRoot clusterDomain configMapAndSecretChangeDetectionStrategy
            containerLogMaxSize containerRuntimeEndpoint contentType cpuManagerPolicy hairpinMode
            healthzBindAddress imagePullCredentialsVerificationPolicy imageServiceEndpoint
            kubeReservedCgroup kubeletCgroups memoryManagerPolicy memoryReservationPolicy podCIDR
            podLogsDir providerID reservedSystemCPUs resolvConf showHiddenMetricsForVersion
            staticPodPath staticPodURL systemCgroups systemReservedCgroup tlsCertFile tlsMinVersion
            tlsPrivateKeyFile topologyManagerPolicy topologyManagerScope volumePluginDir
        """,
        "boolean": """
            cgroupsPerQOS cpuCFSQuota enableContentionProfiling enableControllerAttachDetach
            enableDebugFlagsHandler enableDebuggingHandlers enableProfilingHandler enableServer
            enableSystemLogHandler enableSystemLogQuery failCgroupV1 failSwapOn
            kernelMemcgNotification localStorageCapacityIsolation makeIPTablesUtilChains
            mergeDefaultEvictionSettings protectKernelDefaults registerNode rotateCertificates
            runOnce seccompDefault serializeImagePulls serverTLSBootstrap singleProcessOOMKill
        """,
        "integer": """
            containerLogMaxFiles containerLogMaxWorkers eventBurst eventRecordQPS
            evictionMaxPodGracePeriod healthzPort imageGCHighThresholdPercent
            imageGCLowThresholdPercent iptablesDropBit iptablesMasqueradeBit kubeAPIBurst kubeAPIQPS
            maxOpenFiles maxParallelImagePulls maxPods nodeLeaseDurationSeconds nodeStatusMaxImages
            oomScoreAdj podPidsLimit podsPerCore port readOnlyPort registryBurst registryPullQPS
        """,
        "number": """
            memoryThrottlingFactor
        """,
        "duration": """
            containerLogMonitorInterval cpuCFSQuotaPeriod cpuManagerReconcilePeriod
            evictionPressureTransitionPeriod fileCheckFrequency httpCheckFrequency imageMaximumGCAge
            imageMinimumGCAge nodeStatusReportFrequency nodeStatusUpdateFrequency
            runtimeRequestTimeout shutdownGracePeriod shutdownGracePeriodCriticalPods
            streamingConnectionIdleTimeout syncFrequency volumeStatsAggPeriod
        """,
        "list": """
            allowedUnsafeSysctls clusterDNS enforceNodeAllocatable
            preloadedImagesVerificationAllowlist registerWithTaints reservedMemory
            shutdownGracePeriodByPodPriority tlsCipherSuites tlsCurvePreferences
        """,
        "map": """
            authentication authorization cpuManagerPolicyOptions crashLoopBackOff evictionHard
            evictionMinimumReclaim evictionSoft evictionSoftGracePeriod featureGates kubeReserved
            logging memorySwap qosReserved staticPodURLHeader systemReserved
            topologyManagerPolicyOptions tracing userNamespaces
        """,
    }.items()
    for key in keys.split()
}
"""What kind of value each top-level key holds."""
