"""The manifests of deploy/k8s against a real Kubernetes API server; no cluster, nothing runs pods.

Schemas alone pass a selector that selects nothing and a request above its limit; the server
refuses both, and warns of what a restricted namespace would refuse.
"""


class NotRun(RuntimeError):
    """Something of the machine is missing; the message says what, and what would help."""


class Failed(RuntimeError):
    """A check failed; the message says which, in the server's words."""
