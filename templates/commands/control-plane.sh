# Waits until the API lists every control-plane pod as Ready; prints one line per pod: node, component, image.
# The pods of a node that leaves the plan are listed until the node is deleted: only those of `nodes` count.
pods() {
  kubectl --namespace kube-system get pods --selector tier=control-plane --output \
    'jsonpath={range .items[*]}{.spec.nodeName}{" "}{.metadata.labels.component}{" "}{.spec.containers[0].image}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' |
    awk -v nodes=" $nodes " 'index(nodes, " " $1 " ")'
}
all_ready() {
  # Warnings of kubectl are kept apart from the list of pods.
  found=$(pods 2>"$identity/warnings")
  [ "$(printf '%s\n' "$found" | grep -c ' True$')" = "$number" ] || {
    echo "$number Ready pods are expected on $nodes; the API lists:"
    printf '%s\n' "$found"
    cat "$identity/warnings"
    return 1
  }
  printf '%s\n' "$found" | sed 's/ True$//' | sort
}
again 300 all_ready ||
  { echo "not every control-plane pod is Ready after 300 s: see 'kubectl --namespace kube-system get pods', then run pulumi up again" >&2; exit 1; }
