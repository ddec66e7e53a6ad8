"""One Kubernetes node out of host processes: the provider `local`."""
