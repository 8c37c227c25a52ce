# Debian packages, for scripts to source: `debian PACKAGE...` installs those that are missing.
#
# Never touches what is installed already.

debian() {
    dpkg -s "$@" >/dev/null 2>&1 && return
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq >&2
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}
