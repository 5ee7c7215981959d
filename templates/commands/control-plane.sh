# Waits until the API knows every control-plane pod as ready; prints a line for each: node, component, image.
# A node that leaves the plan has its pods until it is gone: only those of `nodes` count.
pods() {
  kubectl --namespace kube-system get pods --selector tier=control-plane --output \
    'jsonpath={range .items[*]}{.spec.nodeName}{" "}{.metadata.labels.component}{" "}{.spec.containers[0].image}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' |
    awk -v nodes=" $nodes " 'index(nodes, " " $1 " ")'
}
whole() {
  # What kubectl warns of is no pod.
  found=$(pods 2>"$identity/warnings")
  [ "$(printf '%s\n' "$found" | grep -c ' True$')" = "$number" ] || {
    echo "of $number pods these are known:"
    printf '%s\n' "$found"
    cat "$identity/warnings"
    return 1
  }
  printf '%s\n' "$found" | sed 's/ True$//' | sort
}
again 300 whole ||
  { echo "not every control-plane pod is ready: see 'kubectl --namespace kube-system get pods', then run pulumi up again" >&2; exit 1; }
