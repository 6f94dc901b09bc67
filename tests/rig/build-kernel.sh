#!/usr/bin/env bash
# Builds the user-mode Linux that the radio rig boots, once, and keeps it in the cache folder.
#
#   build-kernel.sh            build unless it is there; the last line printed is the kernel's path
#   build-kernel.sh --cached   print the path of a kernel that is ready, or exit 1
#   build-kernel.sh --missing  print what a build lacks, a line each; nothing if it can start
#
# The source is the distribution's own package, /usr/src/linux-source-*.tar.*, the newest of them.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-~/.cache}/ble-exporter-rig
fragment=$here/kernel.config
progress_seconds=10

# A kernel's name says what it was made from: the source's version, and the recipe (this file and
# the configuration). Without a source, any kernel of this very recipe will do.
recipe=$(cat "$fragment" "$0" | sha256sum | cut -c1-12)
source_archive=$(find -L /usr/src -maxdepth 1 -type f -name 'linux-source-*.tar.*' 2>/dev/null |
    sort -V | tail -n 1)

source_version() {
    local name
    name=$(basename "$source_archive")
    # Debian's archive is called 6.1 through all of 6.1's updates: its size and date tell them apart.
    echo "${name%%.tar.*}-$(stat -L -c '%s-%Y' "$source_archive")"
}

cached_kernel() {
    if [ -n "$source_archive" ]; then
        find "$cache" -type f -name "$(source_version)-$recipe" 2>/dev/null
    else
        find "$cache" -type f -name "linux-source-*-$recipe" 2>/dev/null | sort -V | tail -n 1
    fi
}

missing_parts() {
    [ -n "$source_archive" ] || echo "the kernel's source (apt install linux-source)"
    local tool
    for tool in gcc make flex bison bc; do
        command -v "$tool" >/dev/null || echo "$tool (apt install $tool)"
    done
    [ -e /usr/include/stdio.h ] || echo "the C library's headers (apt install libc6-dev)"
    case $source_archive in
        *.xz) command -v xz >/dev/null || echo "xz (apt install xz-utils)" ;;
        *.bz2) command -v bzip2 >/dev/null || echo "bzip2 (apt install bzip2)" ;;
        *.zst) command -v zstd >/dev/null || echo "zstd (apt install zstd)" ;;
    esac
}

say() {
    echo "[$SECONDS s] $*"
}

unpack() { # to: the folder that becomes the source tree
    say "unpacking $source_archive"
    mkdir "$1"
    tar -x -C "$1" --strip-components=1 -f "$source_archive"
}

widen_registers() { # in the source tree
    say "making room for the registers of newer processors"
    # A process's registers have 2,696 bytes in this source, but 11,008 on a host with AMX, and the host takes back
    # only as many as it gave. Later sources ask the host for the size.
    local offsets=arch/x86/um/user-offsets.c registers=arch/x86/um/os-Linux/registers.c
    grep -q 'HOST_FP_SIZE, 2696' "$offsets" || return 0
    sed -i 's/HOST_FP_SIZE, 2696/HOST_FP_SIZE, 16384/' "$offsets"
    sed -i -e 's/^int have_xstate_support;/&\nstatic unsigned long xstate_size;/' \
        -e 's/\thave_xstate_support = 1;/ { have_xstate_support = 1; xstate_size = iov.iov_len; }/' \
        -e '/^int restore_fp_registers/,/^}/s/FP_SIZE \* sizeof(unsigned long)/xstate_size/' "$registers"
    grep -q 'iov_len = xstate_size' "$registers" || say "warning: $registers is not as expected"
}

configure() { # in the source tree
    say "configuring"
    make -s ARCH=um KCONFIG_ALLCONFIG="$fragment" allnoconfig
    local option
    grep '=y$' "$fragment" | while read -r option; do
        grep -qx "$option" .config || say "warning: this kernel does not know $option"
    done
}

compile() { # in the source tree; make's own words go to make.log
    local jobs
    jobs=$(nproc)
    say "compiling, $jobs at a time"
    make ARCH=um -j"$jobs" linux >make.log 2>&1 &
    local make_pid=$!
    # Sleeping in the background keeps the shell open to signals.
    while sleep "$progress_seconds" & wait $! && kill -0 "$make_pid" 2>/dev/null; do
        say "$(grep -cE '^ +(CC|AS|LD|AR) ' make.log || true) steps done"
    done
    if ! wait "$make_pid"; then
        tail -n 30 make.log >&2
        echo "build-kernel.sh: the kernel did not compile" >&2
        return 1
    fi
}

clean_up() {
    # shellcheck disable=SC2046 # one word a job is meant
    kill $(jobs -p) 2>/dev/null || true
    wait
    rm -rf "$work"
}

build() {
    mkdir -p "$cache"
    # One build at a time: a second caller waits here, and then finds the first one's kernel.
    exec 9>"$cache/lock"
    flock 9
    local ready
    ready=$(cached_kernel)
    if [ -n "$ready" ]; then
        echo "$ready"
        return
    fi
    rm -rf "$cache"/build.* # what an earlier build left when it was killed
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    unpack "$work/linux"
    cd "$work/linux"
    widen_registers
    configure
    compile
    strip linux
    ready=$cache/$(source_version)-$recipe
    mv linux "$ready" # a rename: the name never stands for half a kernel
    say "done"
    echo "$ready"
}

case ${1-} in
    --cached)
        ready=$(cached_kernel)
        [ -n "$ready" ] && echo "$ready"
        ;;
    --missing) missing_parts ;;
    "")
        lacking=$(missing_parts)
        if [ -z "$(cached_kernel)" ] && [ -n "$lacking" ]; then
            printf 'build-kernel.sh: missing: %s\n' "$lacking" >&2
            exit 1
        fi
        build
        ;;
    *)
        echo "usage: build-kernel.sh [--cached | --missing]" >&2
        exit 2
        ;;
esac
