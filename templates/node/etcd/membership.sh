# Runs on another control-plane node when a member leaves the plan, before anything of it is removed: also if its machine is
# deleted in the same run. If no other member serves, the whole cluster is removed and there is no list to change.
[ -n "$others" ] || exit 0
leave_list
