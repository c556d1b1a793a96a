"""What deploy/compose/verify and deploy/k8s/verify run, from the repository: no image holds it."""
