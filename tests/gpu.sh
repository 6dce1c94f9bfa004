#!/usr/bin/env bash
# Tests src/gpu on two adapters in software, which it installs if they are missing: Mesa's lavapipe,
# which has f16, and Chromium's SwiftShader, which has the lowest limits that WebGPU allows.
# SwiftShader is slow, and gets only the shorter golden pairs.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/apt.sh libvulkan1 mesa-vulkan-drivers
pkg/scripts/browsers.sh chromium

# Mesa prints a warning without this folder.
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT

run() { # DRIVER
  echo "== $1"
  VK_ICD_FILENAMES=$1 VK_DRIVER_FILES=$1 \
    cargo test --release --workspace --all-features --lib --test commands -- gpu devices --include-ignored \
    --test-threads=1 "${@:2}"
}
run "$(ls /usr/share/vulkan/icd.d/lvp_icd*.json)" "$@"
run /usr/lib/chromium/vk_swiftshader_icd.json "$@"
