{{/* What the operator may do where its pipelines live. operator/RBAC.md owns the list; a test compares. */}}
{{- define "anomaly-operator.rules" -}}
- apiGroups: [anomalypipeline.io]
  resources: [anomalypipelines]
  verbs: [list, watch, patch] # patch: the finalizer of deletionPolicy Delete
- apiGroups: [anomalypipeline.io]
  resources: [anomalypipelines/status]
  verbs: [patch]
- apiGroups: [anomalypipeline.io]
  resources: [anomalypipelines/finalizers] # blockOwnerDeletion, where OwnerReferencesPermissionEnforcement is on
  verbs: [update]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets] # the password of the managed Redis; whether there are those that a pipeline names
  verbs: [get, create]
- apiGroups: [""]
  resources: [pods] # why a pod waits
  verbs: [list]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs] # which removes the state of a deleted pipeline, with deletionPolicy Delete
  verbs: [get, create, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways] # on which port, and whether by https, a route is reached
  verbs: [get]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors, prometheusrules]
  verbs: [get, list, watch, create, patch, delete]
{{- end -}}

{{/* What it may do besides when it serves the whole cluster. */}}
{{- define "anomaly-operator.clusterRules" -}}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingressclasses] # whether there is the one that a pipeline names
  verbs: [get]
{{- end -}}

{{/* What it may do in its own namespace: hold the Lease that says which replica acts. */}}
{{- define "anomaly-operator.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
{{- end -}}

{{/* What is needed once it is uninstalled: to let pipelines go that would wait for it. */}}
{{- define "anomaly-operator.letGoRules" -}}
- apiGroups: [anomalypipeline.io]
  resources: [anomalypipelines]
  verbs: [list, patch]
{{- end -}}
