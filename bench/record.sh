#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the rows of docs/BENCHMARKING.md and prints them as a Markdown table. About five minutes on a quiet machine.
#
#   bench/record.sh [CARDMUX] [SECONDS] [stream]   CARDMUX: the program (build/bin/cardmux), SECONDS for each row (12);
#                                                  stream: only the rows of streams
#
# A row during which somebody else used the machine is run again, up to three times; then it says "not quiet" where the
# figures would stand. Needs jq.
set -eu
cardmux=${1:-build/bin/cardmux}
seconds=${2:-12}
only=${3:-}
case $seconds in
'' | 0* | *[!0-9]*)
    echo "bench/record.sh: SECONDS are whole ones, 1 or more, not '$seconds'" >&2
    exit 2
    ;;
esac

# run WHAT KEY WANTED OPTIONS...: KEY is the figure that is wanted to be at least (ratios) or at most (the others) WANTED
run() {
    what=$1 key=$2 wanted=$3
    shift 3
    tries=0
    while :; do
        json=$("$cardmux" bench --json --seconds "$seconds" "$@")
        tries=$((tries + 1))
        [ "$(printf '%s' "$json" | jq .quiet)" = true ] || [ $tries -ge 3 ] && break
        sleep 5
    done
    printf '%s' "$json" | jq -r --arg what "$what" --arg key "$key" --arg wanted "$wanted" --arg options "$*" '
        def r(n): if . == null then "-" else (. * pow(10; n) | round) / pow(10; n) | tostring end;
        (getpath($key / ".")) as $figure
        | ($key | startswith("ratio") or startswith("direct")) as $least
        | (if $least then "at least " else "at most " end + $wanted) as $want
        | (if .quiet then (if .short then "short run: " else "" end) + ($figure | r(3)) + (if ($figure == null) then ""
              elif ($least and $figure >= ($wanted | tonumber)) or (($least | not) and $figure <= ($wanted | tonumber)) then ""
              else " (missed)" end) else "not quiet" end) as $shown
        | "| \($what) | `\($options)` | \($want) | \($shown) | " + (if .quiet then
              "\(.ratio_spread | . * 100 | r(1)) % | \(.virtual.ops_per_s | r(0)) | \(.virtual.p50_us | r(2)) | "
              + "\(.virtual.p99_us | r(2)) | \(.notifications_per_op | r(4)) | "
              + "\(.cpu_us_per_op.client | r(2)) / \(.cpu_us_per_op.broker | r(2)) / \(.cpu_us_per_op.card | r(2)) | "
              + "\(.errors) |" else "- | - | - | - | - | - | \(.errors) |" end)'
}

cat <<END
| what | \`cardmux bench\` | wanted | got | spread | operations/s | p50 us | p99 us | notifications/op | CPU us/op client / broker / card | errors |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
END
for via in $([ "$only" ] || echo unix ivshmem); do
    run "null card against the bare ring, one synchronous caller" ratio_to_ring 0.8 \
        --card null --via $via --op echo --size 4096
    run "null card against the bare ring, 16 in flight" ratio_to_ring 0.8 \
        --card null --via $via --op echo --size 4096 --depth 16
    run "notifications of one tenant, 16 in flight" notifications_per_op 0.05 \
        --card null --via $via --op echo --size 4096 --depth 16
    run "SM4-CBC against direct, one synchronous caller" ratio 0.95 \
        --card soft --via $via --op sm4-cbc --size 4096
    run "four tenants, depth 4, one card thread, against direct" ratio 0.97 \
        --card soft --via $via --op sm4-cbc --size 4096 --tenants 4 --depth 4
    run "four sleeping tenants, depth 16, against direct" ratio 0.93 \
        --card soft --via $via --op sm4-cbc --size 4096 --tenants 4 --depth 16 --wait sleep
    run "notifications of four sleeping tenants, depth 16" notifications_per_op 0.15 \
        --card soft --via $via --op sm4-cbc --size 4096 --tenants 4 --depth 16 --wait sleep
done
for busy in $([ "$only" ] || echo 1 2); do
    run "beside $busy busy processes, one synchronous caller, against direct" ratio 0 \
        --card soft --via unix --op sm4-cbc --size 4096 --busy $busy
done
run "stream: echo against the bare socket, 16 in flight" ratio_to_socket 4 \
    --card null --via stream --op echo --size 4096 --depth 16 --seconds $((seconds * 5 / 2)) # a fourth kind of slice
for via in stream unix; do # side by side: what a stream costs
    run "$via: SM4-CBC, four synchronous threads, against direct" ratio 0.75 \
        --card soft --via $via --op sm4-cbc --size 4096 --threads 4 --depth 1
    run "$via: SM4-CBC, four threads at depth 4, against direct" ratio 0.9 \
        --card soft --via $via --op sm4-cbc --size 4096 --threads 4 --depth 4
    run "$via: SM4-CBC, one synchronous caller, against direct" ratio 0 \
        --card soft --via $via --op sm4-cbc --size 4096
done
[ -z "$only" ] || exit 0
run "direct against the library's own loop" direct_to_library 0.98 --card soft --op sm4-cbc --size 4096
run "broker, 1 s after the load, % of a core" idle.broker_percent 1 --card soft --op sm4-cbc --size 4096 --depth 4 --idle
run "broker, 64 idle tenants that were active, % of a core" idle.broker_percent 0.2 \
    --card soft --op sm4-cbc --size 4096 --tenants 64 --depth 2 --idle
run "broker's memory per idle tenant beside its region, KiB" idle.broker_kib_per_tenant 64 \
    --card soft --op sm4-cbc --size 4096 --tenants 64 --depth 2 --idle

echo
echo "Machine: $(nproc) CPUs, $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r)."
if command -v openssl >/dev/null && openssl list -cipher-algorithms 2>/dev/null | grep -qi sm4-cbc; then
    echo
    echo "\`openssl speed\` for comparison with the library row (bytes per second):"
    echo '```'
    openssl speed -elapsed -evp sm4-cbc -bytes 4096 -seconds 3 2>/dev/null | tail -n 1
    echo '```'
fi
