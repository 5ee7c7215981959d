# Applies the manifests of one set, and deletes objects that an earlier version of the set had and this one has not.
printf '%s\n' "$manifests" >"$identity/manifests"
again 120 kubectl apply --server-side --force-conflicts --field-manager plumbline --filename "$identity/manifests" ||
  { echo "add-on $set was not applied: fix the error above, then run pulumi up again" >&2; exit 1; }
for workload in $rollouts; do
  namespace=${workload%%/*} object=${workload#*/}
  kubectl --namespace "$namespace" rollout status "$object" --timeout 300s --request-timeout 310s || {
    echo "add-on $set: $workload is not available after 300 s: see 'kubectl --namespace $namespace describe $object', fix that," \
      "then run pulumi up again" >&2
    exit 1
  }
done
# All kinds in one call: starting kubectl takes an emulated machine seconds.
kubectl get "$kinds" --all-namespaces --selector "plumbline/set=$set,plumbline/revision!=$revision" \
  --output 'jsonpath={range .items[*]}{.kind}{" "}{.metadata.name}{" "}{.metadata.namespace}{"\n"}{end}' >"$identity/former" ||
  { echo "add-on $set: the objects of an earlier version cannot be listed: fix the error above, then run pulumi up again" >&2; exit 1; }
while read -r kind name namespace; do
  # Cluster-scoped objects have no namespace.
  kubectl delete "$kind" "$name" ${namespace:+--namespace "$namespace"} --ignore-not-found </dev/null ||
    { echo "add-on $set: $kind $name was not deleted: fix the error above, then run pulumi up again" >&2; exit 1; }
done <"$identity/former"
