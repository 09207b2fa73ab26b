#!/bin/sh
# Installs what Gazette needs from the system, and only what is missing.
#
#   scripts/system_packages.sh run     Python's venv module, a browser, fonts
#   scripts/system_packages.sh test    the same, and a PostgreSQL server for the tests
#
# Debian and Ubuntu, as root or with sudo. Elsewhere it says what to install and leaves the machine alone.
set -eu

purpose=${1:-run}
python=${PYTHON:-python3}

say() { printf 'gazette: %s\n' "$*" >&2; }

stop() {
    say "$@"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

has_browser() {
    [ -n "${GAZETTE_BROWSER:-}" ] && return 0
    for name in chromium-headless-shell chromium google-chrome google-chrome-stable chrome; do
        has "$name" && return 0
    done
    # Ubuntu's chromium-browser is a stub that asks for a snap: it counts only where the snap is there.
    has chromium-browser && chromium-browser --version >/dev/null 2>&1
}

has_fonts() { [ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ]; }

# Without them names in other scripts are empty boxes in a PDF. 24 MB to download; CJK is a small font for that reason.
SCRIPT_FONTS="fonts-noto-core fonts-noto-color-emoji fonts-wqy-microhei"

has_font() { [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name "$1" -print -quit 2>/dev/null)" ]; }

has_script_fonts() {
    has_font 'NotoSansDevanagari*' && has_font 'NotoColorEmoji*' && { has_font 'wqy-*' || has_font 'NotoSansCJK*'; }
}

has_postgres() { has initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

has_venv() { "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; }

if ! has "$python"; then stop "Python 3.11 or newer is needed; install the package python3."; fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    stop "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1). Say which with: make PYTHON=python3.12 ..."
fi

missing=""
has_venv || missing="$missing venv"
has_browser || missing="$missing browser"
has_fonts || missing="$missing fonts"
if [ "$purpose" = test ]; then has_postgres || missing="$missing postgresql"; fi
wished=""
has_script_fonts || wished=$SCRIPT_FONTS
[ -z "$missing$wished" ] && exit 0

without_wished() {
    say "names in scripts this machine has no font for, emoji too, will be empty boxes in PDFs; install: $wished"
}

if ! has apt-get; then
    [ -z "$missing" ] && { without_wished; exit 0; }
    case $missing in *venv*) stop "Python's venv and ensurepip modules are missing; install them with your package manager." ;; esac
    case $missing in *postgresql*) stop "The tests need a PostgreSQL server (initdb); install it with your package manager." ;; esac
    say "not found:$missing. Gazette sets itself up on Debian and Ubuntu only; here, install Chromium or Chrome and a" \
        "sans-serif font with your package manager, or set GAZETTE_BROWSER. A download is tried next."
    exit 0
fi

if [ "$(id -u)" = 0 ]; then root=""; elif has sudo && sudo -n true 2>/dev/null; then root="sudo"; elif [ -n "$missing" ] && has sudo && [ -t 0 ]; then root="sudo"; else
    [ -z "$missing" ] && { without_wished; exit 0; }
    case $missing in *venv*) stop "needs to install:$missing. Run it as root or with sudo, or: apt-get install python3-venv" ;; esac
    case $missing in *postgresql*) stop "needs to install:$missing. Run it as root or with sudo, or: apt-get install postgresql chromium" ;; esac
    say "cannot install$missing without root or sudo; the browser is downloaded instead, if the network allows it."
    exit 0
fi

apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >&2; }
available() { [ -n "$(apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)" {print $2}')" ]; }
is_ubuntu() { grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; }

say "installing from the system's packages:$missing${wished:+ fonts of other scripts}"
apt update || say "the package lists could not be renewed; trying with those there are"

packages=""
for part in $missing; do
    case $part in
    venv) packages="$packages $("$python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")')" ;;
    fonts) packages="$packages fonts-liberation" ;;
    postgresql) packages="$packages postgresql" ;;
    browser)
        if available chromium-headless-shell; then
            packages="$packages chromium-headless-shell"
        elif available chromium && ! is_ubuntu; then
            packages="$packages chromium"
        else
            # Ubuntu ships its browser as a snap only; these are what a downloaded Chrome needs.
            for library in libnss3 libatk-bridge2.0-0 libatk-bridge2.0-0t64 libcups2 libcups2t64 libxcomposite1 libxdamage1 \
                libxrandr2 libgbm1 libasound2 libasound2t64 libxkbcommon0 libpango-1.0-0 libcairo2; do
                available "$library" && packages="$packages $library"
            done
        fi
        ;;
    esac
done
# shellcheck disable=SC2086  # a list of names
[ -z "$packages" ] || apt install --no-install-recommends $packages || stop "the packages could not be installed:$packages"
# A report is whole without these, so nothing stops for them.
packages=""
for package in $wished; do if available "$package"; then packages="$packages $package"; fi; done
[ -z "$wished" ] || { [ -n "$packages" ] && apt install --no-install-recommends $packages; } || without_wished
