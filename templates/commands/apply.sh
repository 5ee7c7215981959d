# Applies manifests of one set, and deletes what an earlier version of the set had and this one has not.
printf '%s\n' "$manifests" >"$identity/manifests"
again 120 kubectl apply --server-side --force-conflicts --field-manager plumbline --filename "$identity/manifests" ||
  { echo "applying $set failed: see above, then run pulumi up again" >&2; exit 1; }
for one in $rollouts; do
  kubectl --namespace "${one%%/*}" rollout status "${one#*/}" --timeout 300s --request-timeout 310s ||
    { echo "$one does not come up: kubectl describe it, mend that, then run pulumi up again" >&2; exit 1; }
done
# All kinds in one call: starting kubectl takes an emulated machine seconds.
kubectl get "$kinds" --all-namespaces --selector "plumbline/set=$set,plumbline/revision!=$revision" \
  --output 'jsonpath={range .items[*]}{.kind}{" "}{.metadata.name}{" "}{.metadata.namespace}{"\n"}{end}' >"$identity/former" ||
  { echo "what an earlier version of $set had is not known: see above, then run pulumi up again" >&2; exit 1; }
while read -r kind name namespace; do
  # An object of the whole cluster has no namespace.
  kubectl delete "$kind" "$name" ${namespace:+--namespace "$namespace"} --ignore-not-found </dev/null ||
    { echo "deleting $kind $name failed: see above, then run pulumi up again" >&2; exit 1; }
done <"$identity/former"
