# shellcheck shell=bash
# Installs the Debian packages that a command needs and that are missing.

[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"

# need_packages GROUP…: `build` is what compiling needs; `kafka` is what a broker and its tools need; `examples` is what the
# example programs in Java and Python need beside those; `asyncapi` is what AsyncAPI's parser needs.
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
      echo kcat jq openssl
      command -v java >/dev/null || echo default-jdk-headless
      command -v mvn >/dev/null || echo maven
      ;;
    examples)
      command -v javac >/dev/null || echo default-jdk-headless
      python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
      ;;
    asyncapi)
      command -v node >/dev/null || echo nodejs
      command -v npm >/dev/null || echo npm
      ;;
  esac
}

# The C and C++ compiler, and the libclang that bindgen loads: clang 14 on Debian 12, the distribution's default elsewhere.
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
      die "installing packages needs root or sudo; ask an administrator to run: apt-get install $*"
    as=(sudo)
  fi
  step apt-update "fetching the package lists" "${as[@]}" apt-get update -q ||
    note "could not fetch the package lists; continuing with the old ones"
  step apt-install "installing $*" "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" ||
    die "apt-get install $* failed"
}

# Without apt-get nothing is installed: it checks that the tools are there.
need_tools() {
  local missing=() tool group
  for group in "$@"; do
    case "$group" in
      build) for tool in c++ make pkg-config; do command -v "$tool" >/dev/null || missing+=("$tool"); done ;;
      kafka) for tool in java mvn kcat jq openssl; do command -v "$tool" >/dev/null || missing+=("$tool"); done ;;
      asyncapi) for tool in node npm; do command -v "$tool" >/dev/null || missing+=("$tool"); done ;;
      examples) for tool in javac python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done ;;
    esac
  done
  [ "${#missing[@]}" -eq 0 ] || die "these tools are missing, and there is no apt-get to install them: ${missing[*]}.
  The Debian packages are: clang-14 libclang1-14 libclang-common-14-dev libssl-dev zlib1g-dev pkg-config make
  ccache kcat jq openssl default-jdk-headless maven python3-venv nodejs npm"
}
