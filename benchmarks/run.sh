#!/bin/sh
# ./run.sh [DEVICE] [quick]    runs the device's tests, the benchmarks of products and attention, training and sampling throughput and the
# demo on DEVICE (cuda, cuda:1, opencl, cpu; cuda if none is named), and writes results.md and results.json into results-DEVICE.
# Needs Linux on x64 and the device's driver, nothing else. "quick" makes everything shorter: to see whether it works, not how fast it is.
set -u
device=${1:-cuda}
quick=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/bin
out=${RESULTS:-$here/results-$(echo "$device" | tr : -)}
mkdir -p "$out" || exit 1
rm -f "$out"/*.txt "$out"/*.json "$out"/*.jsonl "$out"/results.md
unset DOTNET_ROOT

# step NAME COMMAND…: its output goes to NAME.txt; a step that fails does not stop those after it.
failed=0
step() {
    name=$1
    shift
    echo "== $name: $*" | sed "s|$bin/||"
    start=$(date +%s)
    "$@" >"$out/$name.txt" 2>&1
    status=$?
    tail -n 5 "$out/$name.txt" | cut -c 1-200
    printf '{"step":"%s","exit":%d,"seconds":%d}\n' "$name" "$status" "$(($(date +%s) - start))" >>"$out/steps.jsonl"
    [ "$status" -eq 0 ] || { failed=$((failed + 1)); echo "FAILED ($status)"; }
}

if [ "$quick" = quick ]; then
    sizes=tiny steps=2 demo="--quick --seeds 1" few="--quick" variants="--rounds 1 --sizes 64x64x64" only="--name MatMul"
else
    sizes="tiny small medium" steps=10 demo="" few="" variants="" only=""
fi

# $only, $few, $variants and $demo are flags, several words or none.
step devices "$bin/MiniTransformer.Cli" devices
step tests "$bin/MiniTransformer.Tests" --device "$device" --json "$out/tests.json" $only
step kernels "$bin/MiniTransformer.Benchmarks" kernels --device "$device" --json "$out/kernels.jsonl" $few
[ "$device" = cpu ] || step variants "$bin/MiniTransformer.Benchmarks" gpu-gemm --device "$device" $variants
for size in $sizes; do
    for mode in train sample; do
        step "throughput-$size-$mode" "$bin/MiniTransformer.Benchmarks" throughput --device "$device" --config "$size" --mode "$mode" \
            --steps "$steps" --threads 0 --json
    done
done
step demo "$bin/MiniTransformer.Cli" demo --device "$device" --out "$out/demo" $demo
"$bin/MiniTransformer.Benchmarks" report --device "$device" --revision "$(cat "$here/revision")" --folder "$out" || failed=$((failed + 1))

echo
echo "$out/results.md and results.json: $failed steps failed"
[ "$failed" -eq 0 ]
