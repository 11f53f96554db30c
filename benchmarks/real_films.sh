#!/usr/bin/env bash
# The main job on real films: ChestX-ray14 (whole, or a part of it) from import to report, by two recipes at one size.
#   benchmarks/real_films.sh FILMS LISTS WORK [INIT]
# FILMS: a folder in NIH's layout; LISTS: a folder with train_val_list.txt(.gz) and test_list.txt(.gz); WORK: a folder to
# write to; INIT: start weights of real-cpu's backbone (.safetensors), timm's own by default. Prints how long each recipe took.
set -euo pipefail
films=$1 lists=$2 work=$3 init=${4:-pretrained}
hilum=${HILUM:-.venv/bin/hilum}
list() { ls "$lists/$1".txt "$lists/$1".txt.gz 2>/dev/null | head -n 1; }
mkdir -p "$work"

SECONDS=0
"$hilum" data import nih "$films" --out "$work/manifest.parquet"
"$hilum" data split "$work/manifest.parquet" --official-train-val "$(list train_val_list)" --official-test "$(list test_list)"
"$hilum" data prepare "$work/manifest.parquet" --size 128 --out "$work/store-128"
prepared=$SECONDS

study() {
  local name=$1
  shift
  SECONDS=0
  "$hilum" train --manifest "$work/manifest.parquet" --store "$work/store-128" --out "$work/$name" "$@"
  "$hilum" evaluate --run "$work/$name" --manifest "$work/manifest.parquet" --store "$work/store-128"
  echo "$name: $(((SECONDS + prepared) / 60)) min from import to report, of them $((prepared / 60)) before training"
}

# The ancestor started from ImageNet. Where its start weights are not at hand (ANCESTOR_INIT=none) it starts from nothing, with
# the rate that this takes; the page with the figures says so.
from_nothing=(--set model.channels=1 --set model.normalisation=data --set training.learning_rate=1e-3
  --set training.warmup_epochs=0.5 --set training.clip_norm=1.0 --set training.precision=bf16 --set training.epochs=12)
[ "${ANCESTOR_INIT:-pretrained}" = none ] || from_nothing=()
study ancestor --recipe ancestor --init "${ANCESTOR_INIT:-pretrained}" --set size_px=128 "${from_nothing[@]}"
study real-cpu --recipe real-cpu --init "$init"
