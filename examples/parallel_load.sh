#!/usr/bin/env bash
# Several loads of the sample at once, on one terminal, on a machine without an account.
#
#   bash examples/parallel_load.sh                       one display for all jobs: the hub of `progresskit run`
#   bash examples/parallel_load.sh --no-hub              no hub: each job has rows of its own, by PROGRESSKIT_POSITION
#   bash examples/parallel_load.sh -n 12 -j 3 --skip-qc  12 jobs, three at a time, without the check
#
# -n JOBS (3), -j AT_ONCE (all), -t TIMES that a job reads each file of the sample (1); the modes and --quiet are those of
# `progresskit-snowflake load`. Give the programs by PROGRESSKIT and PROGRESSKIT_SNOWFLAKE where they are not on PATH.
set -euo pipefail

progresskit=${PROGRESSKIT:-progresskit}
snowflake=${PROGRESSKIT_SNOWFLAKE:-progresskit-snowflake}
python=${PYTHON:-python3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage="usage: ${0##*/} [-n JOBS] [-j AT_ONCE] [-t TIMES] [--no-hub] [--skip-qc | --validate-only | --analyze-only] [--quiet]"
arguments=("$@")
jobs=3 at_once= times=1 hub=yes mode= quiet=

# number NAME VALUE: the value, if it is a whole number from 1
number() {
  [[ ${2-} =~ ^[1-9][0-9]{0,3}$ ]] || { echo "${0##*/}: $1 is '${2-}': give a whole number from 1 to 9999." >&2; exit 2; }
  printf %s "$2"
}

while (($#)); do
  case $1 in
    -n) jobs=$(number "$1" "${2-}"); shift ;;
    -j) at_once=$(number "$1" "${2-}"); shift ;;
    -t) times=$(number "$1" "${2-}"); shift ;;
    --no-hub) hub= ;;
    --skip-qc | --validate-only | --analyze-only) mode=$1 ;;
    --quiet) quiet=$1 ;;
    -h | --help) echo "$usage"; exit ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
  shift
done
at_once=${at_once:-$jobs}
((at_once <= jobs)) || at_once=$jobs

if [[ $hub && -z ${PROGRESSKIT_HUB-} ]]; then
  exec "$progresskit" run -- bash "${BASH_SOURCE[0]}" "${arguments[@]+"${arguments[@]}"}"
fi

files=()
for ((n = 0; n < times; n++)); do
  files+=("$here"/flights/flights-2013-0{1,2,3}.csv)
done
options=(--null NA ${mode:+"$mode"} ${quiet:+"$quiet"})

home=$(mktemp -d) server=
clear_away() {
  [[ ! $server ]] || { kill "$server" && wait "$server"; } 2>/dev/null || true
  rm -rf "$home"
}
trap clear_away EXIT

# The table that --validate-only compares with needs a server that is there before the jobs are, and that all of them share.
if [[ $mode == --validate-only ]]; then
  "$python" "$here/local_server.py" "$home" &
  server=$!
  until [[ -e $home/connections.toml ]]; do
    kill -0 "$server" || { echo "${0##*/}: the local server did not start." >&2; exit 1; }
    sleep 0.1
  done
  export SNOWFLAKE_HOME=$home
  "$snowflake" load "${files[0]}" --table flights --connection local --null NA --no-progress >/dev/null
fi

load() {
  case $mode in
    --analyze-only) exec "$snowflake" load "${files[@]}" "${options[@]}" ;;
    --validate-only) exec "$snowflake" load "${files[@]}" "${options[@]}" --table flights --connection local ;;
    *) exec "$snowflake" load "${files[@]}" "${options[@]}" --table "flights_$1" --embedded --pace 1MB ;;
  esac
}

# A lane does one job after the other, each on the same rows: as many lanes as jobs at a time. Without a hub, what the jobs
# have to say beside their bars would land among them: it waits for the end.
lines_per_job=$("$snowflake" bars ${mode:+"$mode"})
lane() {
  local failed=0 job running
  trap 'kill "$running" 2>/dev/null || true; wait "$running"; exit 143' TERM
  [[ $hub ]] || export PROGRESSKIT_POSITION=$(($1 * lines_per_job))/$((at_once * lines_per_job))
  for ((job = $1 + 1; job <= jobs; job += at_once)); do
    if [[ $hub ]]; then load "$job" & else load "$job" >"$home/$job" & fi
    running=$!
    wait "$running" || failed=1
  done
  return "$failed"
}

# end STATUS: end the lanes, and then with that status. `wait` would wait for the server too, which they need until then; for a lane
# alone it hangs where it has been interrupted (bash 5.2).
end() {
  kill "${lanes[@]}" 2>/dev/null || true
  while kill -0 "${lanes[@]}" 2>/dev/null; do sleep 0.1; done
  exit "$1"
}

# What runs in the background of a script does not hear Ctrl-C: it is passed on.
lanes=() failed=0
trap 'end 130' INT
trap 'end 143' TERM
trap 'end 129' HUP
for ((n = 0; n < at_once; n++)); do
  lane "$n" &
  lanes+=($!)
done
for lane in "${lanes[@]}"; do
  wait "$lane" || failed=1
done
[[ $hub ]] || cat "$home"/[1-9]*
exit "$failed"
