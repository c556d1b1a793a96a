"""The manifests of deploy/k8s against a real Kubernetes API server; no cluster, nothing runs pods.

Schemas alone pass a selector that selects nothing and a request above its limit; the server
refuses both, and warns of what a restricted namespace would refuse.
"""
