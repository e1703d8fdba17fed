#!/bin/sh
# Update worker and token backend to this checkout, while conversations continue and new rooms get an agent.
#
#   sh deploy/compose/update.sh                                                      if compose.yaml runs alone
#   sh deploy/compose/update.sh -f compose.yaml -f deploy/compose/production.yaml
#
# New containers start beside the old ones; if they do not become healthy, the old ones stay. An old worker lets its
# conversations finish, so this may take an hour; the next update need not wait for it.
set -eu
cd "$(dirname -- "$0")/../.."
files=$*

beside() { # start one container of a service for each further word: those that run, and the new ones
	service=$1
	shift
	docker compose $files up --no-deps --no-recreate --wait --scale "$service=$#" "$service"
}

docker compose $files build
docker compose $files rm --force # what an interrupted update has left
running=$(docker compose $files ps --quiet worker)
old=
for worker in $running; do # without those that still drain because of an earlier update
	[ -n "$(docker ps --quiet --filter "id=$worker" --filter name=draining)" ] || old="$old $worker"
done
[ -n "$old" ] || { echo "No worker is running: start with docker compose $files up --build --wait" >&2 && exit 1; }
beside worker $running $old
for worker in $(docker compose $files ps --quiet worker); do # healthy is not registered yet
	until docker logs "$worker" 2>&1 | grep --quiet "registered worker"; do sleep 1; done
done

backends=$(docker compose $files ps --quiet backend)
beside backend $backends $backends
docker stop $backends
docker rm $backends

for worker in $old; do docker rename "$worker" "draining-$worker"; done
echo "The new workers take all new rooms. Waiting for the conversations of the old ones to end."
docker stop $old # waits for the worker's stop_grace_period
docker rm $old
