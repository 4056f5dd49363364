# shellcheck shell=bash
# The Debian packages that each command needs, and only those that are missing.

[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"

# need_packages GROUP…: `build` for the program, `kafka` for a broker and the tools around it.
need_packages() {
  command -v cargo >/dev/null ||
    die "no cargo: install Rust 1.95 or later with https://rustup.rs, then run this again"
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    need_tools "$@"
    return
  fi
  local missing=() package group
  for group in "$@"; do
    for package in $(packages_of "$group"); do
      installed "$package" || missing+=("$package")
    done
  done
  [ "${#missing[@]}" -eq 0 ] || install "${missing[@]}"
}

packages_of() {
  case "$1" in
    build)
      echo "$(compiler_packages) libssl-dev zlib1g-dev pkg-config make ccache"
      command -v cc >/dev/null || echo gcc
      ;;
    kafka)
      echo kcat jq
      command -v java >/dev/null || echo default-jdk-headless
      command -v mvn >/dev/null || echo maven
      ;;
  esac
}

# The C and C++ compiler and what bindgen loads: clang 14 where Debian has it, its defaults elsewhere.
compiler_packages() {
  if installed clang-14 || [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" = 12 ]; then
    echo clang-14 libclang1-14 libclang-common-14-dev
  else
    echo g++ clang libclang-dev
  fi
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install() {
  local as=()
  [ -z "${DEV_NO_INSTALL:-}" ] || die "DEV_NO_INSTALL is set, and these packages are missing: $*"
  if [ "$(id -u)" -ne 0 ]; then
    { command -v sudo >/dev/null && sudo -v; } ||
      die "neither root nor sudo: have somebody run  apt-get install $*"
    as=(sudo)
  fi
  step apt-update "fetching the package lists" "${as[@]}" apt-get update -q ||
    note "going on with the package lists at hand"
  step apt-install "installing $*" "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" ||
    die "the installation failed; by hand: apt-get install $*"
}

# Elsewhere than on Debian: the same things under whatever names.
need_tools() {
  local missing=() tool group
  for group in "$@"; do
    case "$group" in
      build) for tool in c++ make pkg-config; do command -v "$tool" >/dev/null || missing+=("$tool"); done ;;
      kafka) for tool in java mvn kcat jq; do command -v "$tool" >/dev/null || missing+=("$tool"); done ;;
    esac
  done
  [ "${#missing[@]}" -eq 0 ] || die "this machine has no apt-get and lacks: ${missing[*]}.
  Install what Debian calls: clang-14 libclang1-14 libclang-common-14-dev libssl-dev zlib1g-dev pkg-config make
  ccache kcat jq default-jdk-headless maven"
}
