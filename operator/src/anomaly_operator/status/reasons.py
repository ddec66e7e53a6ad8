"""Every reason a condition may carry.

Users search for these words: docs/conditions.md explains each; a test keeps the page complete.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One word for why a condition is as it is."""

    # Ready
    READY = "Ready"
    PURGING = "Purging"

    # SpecValid
    VALID = "Valid"
    INVALID_SPEC = "InvalidSpec"

    # ReferencesResolved
    RESOLVED = "Resolved"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105  # a reason, not a secret
    INGRESS_CLASS_NOT_FOUND = "IngressClassNotFound"
    GATEWAY_NOT_FOUND = "GatewayNotFound"

    # Applied
    APPLIED = "Applied"
    APPLY_PENDING = "ApplyPending"
    OWNERSHIP_CONFLICT = "OwnershipConflict"
    IMMUTABLE_FIELD = "ImmutableField"
    REJECTED = "Rejected"
    FORBIDDEN = "Forbidden"
    QUOTA_EXCEEDED = "QuotaExceeded"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    CREDENTIALS_INCOMPLETE = "CredentialsIncomplete"

    # Paused, and Applied while it is
    PAUSED = "Paused"
    PLANNED = "Planned"
    NOT_PAUSED = "NotPaused"

    # WorkloadAvailable, and RedisReachable for the managed Redis' pod
    AVAILABLE = "Available"
    SUSPENDED = "Suspended"
    WORKLOAD_MISSING = "WorkloadMissing"
    ROLLING_OUT = "RollingOut"
    PODS_NOT_READY = "PodsNotReady"
    PODS_NOT_CREATED = "PodsNotCreated"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    INVALID_IMAGE_NAME = "InvalidImageName"
    CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"
    OUT_OF_MEMORY = "OutOfMemory"
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    UNSCHEDULABLE = "Unschedulable"

    # RedisReachable
    CONNECTED = "Connected"
    MANAGED_REDIS_READY = "ManagedRedisReady"
    MANAGED_REDIS_NOT_READY = "ManagedRedisNotReady"
    UNREACHABLE = "Unreachable"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    SECRET_UNUSABLE = "SecretUnusable"  # noqa: S105  # a reason, not a secret
    NOT_REPORTED = "NotReported"

    # RouteAccepted
    ADMITTED = "Admitted"
    NOT_EXPOSED = "NotExposed"
    ADDRESS_PENDING = "AddressPending"
    ROUTE_MISSING = "RouteMissing"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    ACCEPTANCE_PENDING = "AcceptancePending"

    # AutoscalingActive
    SCALING_ACTIVE = "ScalingActive"
    AUTOSCALING_DISABLED = "AutoscalingDisabled"
    METRICS_UNAVAILABLE = "MetricsUnavailable"
    SCALING_INACTIVE = "ScalingInactive"
    AUTOSCALER_PENDING = "AutoscalerPending"

    # MonitoringConfigured
    MONITORING_APPLIED = "MonitoringApplied"
    CRD_NOT_INSTALLED = "CRDNotInstalled"
    MONITORING_DISABLED = "MonitoringDisabled"
    MONITORING_MISSING = "MonitoringMissing"

    # DataFlowing
    SAMPLES_ARRIVING = "SamplesArriving"
    NO_SAMPLES_YET = "NoSamplesYet"
    SILENT = "Silent"


PASSING = frozenset(
    {
        Reason.APPLY_PENDING,
        Reason.ROLLING_OUT,
        Reason.PODS_NOT_READY,
        Reason.WORKLOAD_MISSING,
        Reason.MANAGED_REDIS_NOT_READY,
        Reason.NOT_REPORTED,
        Reason.ADDRESS_PENDING,
        Reason.ROUTE_MISSING,
        Reason.ACCEPTANCE_PENDING,
    }
)
"""Reasons that a healthy start passes through; none is worth an event by itself."""
