"""What makes a bare cluster useful: DNS, metrics, volumes, an ingress. `apply` puts it there."""
