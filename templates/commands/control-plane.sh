# Waits until the API knows every control-plane pod as ready; prints a line for each: node, component, image.
pods() {
  kubectl --namespace kube-system get pods --selector tier=control-plane --output \
    'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{" "}{.spec.nodeName}{" "}{.metadata.labels.component}{" "}{.spec.containers[0].image}{"\n"}{end}'
}
whole() {
  # What kubectl warns of is no pod. A node that leaves the plan has its pods until it is gone: they do not count.
  found=$(pods 2>"$identity/warnings") && found=$(printf '%s\n' "$found" | awk -v nodes=" $nodes " 'index(nodes, " " $2 " ")') && [ "$(printf '%s\n' "$found" | grep -c '^True ')" = "$number" ] || {
    echo "of $number pods these are known:"
    printf '%s\n' "$found"
    cat "$identity/warnings"
    return 1
  }
  printf '%s\n' "$found" | sed 's/^True //' | sort
}
again 300 whole ||
  { echo "not every control-plane pod is ready: see 'kubectl --namespace kube-system get pods', then run pulumi up again" >&2; exit 1; }
