#!/usr/bin/env bash
# Builds the user-mode Linux that the radio rig boots, once, and keeps it in the cache folder.
#
#   build-kernel.sh            build the kernel unless it is cached; the last line of output is its path
#   build-kernel.sh --cached   print the path of a kernel that is ready, or exit 1
#   build-kernel.sh --missing  print the requirements that this machine lacks for a build, one on each line
#
# The source is the distribution's package: the newest archive /usr/src/linux-source-*.tar.*.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-~/.cache}/ble-exporter-rig
fragment=$here/kernel.config
progress_seconds=10

# The file name of a kernel identifies its source and its recipe (this file and kernel.config). On a
# machine without a source, the newest kernel with the same recipe is used.
recipe=$(cat "$fragment" "$0" | sha256sum | cut -c1-12)
source_archive=$(find -L /usr/src -maxdepth 1 -type f -name 'linux-source-*.tar.*' 2>/dev/null |
    sort -V | tail -n 1)

source_version() {
    local name
    name=$(basename "$source_archive")
    # Debian's archive keeps its name when 6.1 is updated, so its size and date identify the update.
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

unpack() { # $1: the folder that becomes the source tree
    say "unpacking $source_archive"
    mkdir "$1"
    tar -x -C "$1" --strip-components=1 -f "$source_archive"
}

widen_registers() { # in the source tree
    say "making room for the registers of newer processors"
    # This source reserves 2,696 bytes for the registers of a process, but a host with AMX returns 11,008, and accepts
    # only a set of the same size. Later sources ask the host for the size.
    local offsets=arch/x86/um/user-offsets.c registers=arch/x86/um/os-Linux/registers.c
    grep -q 'HOST_FP_SIZE, 2696' "$offsets" || return 0
    sed -i 's/HOST_FP_SIZE, 2696/HOST_FP_SIZE, 16384/' "$offsets"
    sed -i -e 's/^int have_xstate_support;/&\nstatic unsigned long xstate_size;/' \
        -e 's/\thave_xstate_support = 1;/ { have_xstate_support = 1; xstate_size = iov.iov_len; }/' \
        -e '/^int restore_fp_registers/,/^}/s/FP_SIZE \* sizeof(unsigned long)/xstate_size/' "$registers"
    grep -q 'iov_len = xstate_size' "$registers" || say "warning: $registers is not as expected"
}

refine_clock() { # in the source tree
    say "making the scheduler's clock precise"
    # This source leaves the scheduler with a clock of 10 ms, by which a process that a timer wakes right after a tick
    # takes no CPU time at all, however often it is woken.
    printf '\nunsigned long long notrace sched_clock(void)\n{\n\treturn os_nsecs();\n}\n' >>arch/um/kernel/time.c
}

configure() { # in the source tree
    say "configuring"
    make -s ARCH=um KCONFIG_ALLCONFIG="$fragment" allnoconfig
    local option
    grep '=y$' "$fragment" | while read -r option; do
        grep -qx "$option" .config || say "warning: this kernel does not know $option"
    done
}

compile() { # in the source tree; make's output goes to make.log
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
    # shellcheck disable=SC2046 # the output is split on purpose: one word for each job
    kill $(jobs -p) 2>/dev/null || true
    wait
    rm -rf "$work"
}

build() {
    mkdir -p "$cache"
    # Only one build runs at a time: a second caller waits here, and then finds the kernel of the first.
    exec 9>"$cache/lock"
    flock 9
    local ready
    ready=$(cached_kernel)
    if [ -n "$ready" ]; then
        echo "$ready"
        return
    fi
    rm -rf "$cache"/build.* # the files of earlier builds that were killed
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    unpack "$work/linux"
    cd "$work/linux"
    widen_registers
    refine_clock
    configure
    compile
    strip linux
    ready=$cache/$(source_version)-$recipe
    mv linux "$ready" # renaming is atomic, so the name never refers to half a kernel
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
