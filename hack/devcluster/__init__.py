"""A real Kubernetes cluster anywhere: `python -m devcluster up|down|status|env|images`.

`__main__` reads the command line, `choice` picks a provider (local, kind, current), the provider
makes the cluster, `addons` makes it useful (DNS, metrics, ingress, storage), `images` fills it.
Everything built lives in the cache folder (`paths`), nothing in the checkout.
"""
