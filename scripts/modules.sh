#!/usr/bin/env bash
# Lists the directories of the Go modules in this tree, one a line, the root (.) first.
set -euo pipefail
cd "$(dirname "$0")/.."

find . -name go.mod -type f -not -path '*/.*' -not -path '*/testdata/*' -not -path '*/vendor/*' -printf '%h\n' | LC_ALL=C sort
