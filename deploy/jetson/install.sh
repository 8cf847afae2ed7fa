#!/usr/bin/env bash
# Makes a Jetson with JetPack 6 or 7 a station: OpenCV (with GStreamer) and TensorRT are the system's, ONNX Runtime is NVIDIA's wheel.
# May be called again.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: sudo ./install.sh STATION.tar.gz ONNXRUNTIME.whl [--package SPEC] [--replace]

  STATION.tar.gz   from 'bintally fleet enroll … --template deploy/jetson/station.toml'
  ONNXRUNTIME.whl  onnxruntime_gpu for this JetPack's Python, as NVIDIA builds it
  --package SPEC   what pip installs (default: bintally[agent-jetson]); also 'FILE.whl[agent-jetson]'
  --replace        replace another station's key and certificate
TEXT
}

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

here=$(cd "$(dirname "$0")" && pwd)
package="bintally[agent-jetson]" files=() station_options=()
while [ $# -gt 0 ]; do
    case "$1" in
        --package)
            [ $# -ge 2 ] || fail "--package needs a value; see --help" 2
            package=$2
            shift
            ;;
        --replace) station_options+=(--replace) ;;
        --help) usage && exit 0 ;;
        -*) fail "unknown option $1; see --help" 2 ;;
        *) files+=("$1") ;;
    esac
    shift
done
[ "${#files[@]}" -eq 2 ] || fail "needs the station's archive and ONNX Runtime's wheel; see --help" 2
archive=${files[0]} wheel=${files[1]}
for file in "${files[@]}"; do
    [ -f "$file" ] || fail "$file: no such file" 2
done
[ "$(id -u)" -eq 0 ] || fail "must be root; call it with sudo"

# Source: NVIDIA's Jetson Linux releases: R36 is JetPack 6 (Ubuntu 22.04, Python 3.10), R38 and later JetPack 7 (Ubuntu 24.04, Python 3.12).
release=${TEGRA_RELEASE:-/etc/nv_tegra_release}
[ -r "$release" ] || fail "$release is missing; this is no Jetson, use the install.sh in the station's archive"
major=$(sed -n 's/^# R\([0-9][0-9]*\).*/\1/p' "$release" | head -n 1)
case "$major" in
    36) python=python3.10 ;;
    38 | 39) python=python3.12 ;;
    *) fail "Jetson Linux R${major:-?} is neither JetPack 6 (R36) nor 7 (R38, R39); flash one of these" ;;
esac
command -v "$python" >/dev/null || fail "$python is missing, though JetPack of R$major has it; apt install $python"
case "$(basename "$wheel")" in
    onnxruntime*-cp3"${python#python3.}"-*aarch64.whl) ;;
    *) fail "$wheel is no onnxruntime wheel for $python on aarch64; take the one that NVIDIA built for this JetPack" 2 ;;
esac

if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    apt-get install --yes --no-install-recommends "$python-venv"
fi
"$python" -c 'import cv2, re, sys; sys.exit(not re.search(r"GStreamer: +YES", cv2.getBuildInformation()))' 2>/dev/null ||
    fail "the system's OpenCV is missing, or has no GStreamer; apt install nvidia-opencv (JetPack) and try again"

opt=/opt/bintally
[ -x "$opt/bin/python" ] || "$python" -m venv --system-site-packages "$opt"
# One call, so that pip finds versions that fit together: the wheel, numpy 1 as the system's OpenCV wants it, and the agent.
"$opt/bin/python" -m pip install --quiet --upgrade "$wheel" "$package"
"$opt/bin/python" - <<'PYTHON' || fail "what was installed does not work together, see above"
import cv2
import numpy
import onnxruntime

assert not cv2.__file__.startswith("/opt/bintally"), "OpenCV from a wheel hides the system's; remove it: pip uninstall opencv-python-headless"
assert numpy.__version__.startswith("1."), f"numpy {numpy.__version__}: the system's OpenCV needs 1.x"
found = onnxruntime.get_available_providers()
assert "TensorrtExecutionProvider" in found, f"ONNX Runtime offers {found}, without TensorRT; take NVIDIA's wheel"
print(f"OpenCV {cv2.__version__}, numpy {numpy.__version__}, ONNX Runtime {onnxruntime.__version__} with TensorRT")
PYTHON

install -D -m 0644 "$here/bintally-agent.conf" /etc/systemd/system/bintally-agent.service.d/jetson.conf
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar -xzf "$archive" -C "$unpacked" --strip-components=1
"$unpacked/install.sh" --program "$opt/bin/bintally" "${station_options[@]}"
