# Applies manifests of one set, and deletes what an earlier version of the set had and this one has not.
printf '%s\n' "$manifests" >"$identity/manifests"
again 120 kubectl apply --server-side --force-conflicts --field-manager plumbline --filename "$identity/manifests" ||
  { echo "applying $set failed: see above, then run pulumi up again" >&2; exit 1; }
for one in $rollouts; do
  kubectl --namespace "${one%%/*}" rollout status "${one#*/}" --timeout 300s --request-timeout 310s ||
    { echo "$one does not come up: kubectl describe it, mend that, then run pulumi up again" >&2; exit 1; }
done
for kind in $kinds; do
  kubectl get "$kind" --all-namespaces --selector "plumbline/set=$set,plumbline/revision!=$revision" \
    --output 'jsonpath={range .items[*]}{.metadata.namespace}{" "}{.metadata.name}{"\n"}{end}' |
    while read -r first second; do
      # An object of the whole cluster has no namespace.
      if [ -n "$second" ]; then kubectl delete "$kind" --namespace "$first" "$second"; else kubectl delete "$kind" "$first"; fi
    done
done
