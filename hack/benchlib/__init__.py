"""What hack/bench is made of."""
