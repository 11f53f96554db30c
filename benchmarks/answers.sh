#!/usr/bin/env bash
# Do probabilities mean what they say, and do refer zones keep their promises? On a public model's predictions (thresholds,
# calibration and zones fitted in folds of patients), and on hilum's own recipe, judged on other patients of the same place.
#   benchmarks/answers.sh PREDICTIONS LABELS WORK [INIT [LOCAL]]
# PREDICTIONS, LABELS: a CSV of probabilities and the labels of its films; WORK: what benchmarks/real_films.sh wrote to; INIT: start
# weights of real-cpu's backbone (.safetensors), timm's own by default; LOCAL: some 200 films of other patients and another mix, in
# NIH's layout, to recalibrate on.
set -euo pipefail
predictions=$1 labels=$2 work=$3 init=${4:-pretrained} local=${5:-}
hilum=${HILUM:-.venv/bin/hilum}

SECONDS=0
"$hilum" evaluate --predictions "$predictions" --labels "$labels" --cross-fit 5 --out "$work/public"
echo "public: $SECONDS s from two files to the report"

if [ ! -d "$work/in-domain/bundle" ]; then
  cp "$work/manifest.parquet" "$work/in-domain.parquet"
  "$hilum" data split "$work/in-domain.parquet" --fractions 0.6,0.2,0.2 --seed 4
  "$hilum" train --manifest "$work/in-domain.parquet" --store "$work/store-128" --recipe real-cpu --init "$init" --out "$work/in-domain"
fi
"$hilum" evaluate --run "$work/in-domain" --manifest "$work/in-domain.parquet" --store "$work/store-128"

[ -d "$work/phantoms/bundle" ] || "$hilum" demo --count 9000 --set training.epochs=8 --tracker none --out "$work/phantoms"

if [ -n "$local" ]; then
  "$hilum" data import nih "$local" --out "$work/local.parquet"
  "$hilum" data prepare "$work/local.parquet" --size 128 --out "$work/store-local"
  "$hilum" evaluate --bundle "$work/in-domain/bundle" --manifest "$work/local.parquet" --store "$work/store-local" \
    --recalibrate --out "$work/local"
fi
