#!/usr/bin/env bash
# Sets up stock melt, the engine of Kdenlive and Shotcut, in a folder: Debian sid, with Kinemacolor as a user installs it.
#
#     sudo tests/melt/setup.sh FOLDER
#
# Needs root, a Python with Kinemacolor (PYTHON, else python3), a C compiler and debootstrap (made for Debian and what is
# built on it); 2 GB and a few minutes. Running it again installs this tree's package and bundle into what is there.
# DEBIAN_MIRROR names another archive. The package index is asked from outside the folder's system, so a proxy or mirror
# that pip knows here is used.
#
# In FOLDER: /opt/kinemacolor (virtual environment with kinemacolor[ofx]), /opt/ofx (the bundle), /srv and /run/kc (empty).
set -euo pipefail
root=${1:?usage: tests/melt/setup.sh FOLDER}
project=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
python=${PYTHON:-python3}

command -v debootstrap > /dev/null || { apt-get update -q && apt-get install -y -q debootstrap; }

if [ ! -e "$root/opt/.system-ready" ]; then
    rm -rf "$root"
    mkdir -p "$(dirname "$root")"
    debootstrap --variant=minbase sid "$root" "$mirror"
    # A snapshot of the archive may be older than its own date allows.
    echo 'Acquire::Check-Valid-Until "false";' > "$root/etc/apt/apt.conf.d/90-any-date"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" apt-get update -q
    # Not with debootstrap's --include: it cannot resolve what melt needs.
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -q --no-install-recommends \
        melt ffmpeg python3-minimal python3-venv procps
    mkdir -p "$root/srv" "$root/run/kc"
    touch "$root/opt/.system-ready"
fi

version=$(chroot "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
machine=$(uname -m)
wheels=$root/opt/wheels
rm -rf "$wheels" "$root/opt/kinemacolor" "$root/opt/ofx"
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$wheels" "$project"
"$python" -m pip download --quiet --only-binary :all: --python-version "$version" \
    --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" \
    --dest "$wheels" "$(ls "$wheels"/kinemacolor-*.whl)[ofx]"

chroot "$root" python3 -m venv /opt/kinemacolor
PIP_CONFIG_FILE=/dev/null chroot "$root" /opt/kinemacolor/bin/pip install --quiet --no-index --find-links /opt/wheels \
    "kinemacolor[ofx]"
rm -rf "$wheels"
"$python" -m kinemacolor.ofx.build "$root/opt/ofx" --python /opt/kinemacolor/bin/python
chroot "$root" melt --version 2>&1 | head -1
