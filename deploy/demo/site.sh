# Sourced by deploy/demo/{up,status,stop}: what a demo site is called, where it lies, and how its parts are started.
# A second site runs beside the first when all of these differ:
#   DEMO_NAME        begins the names of its domains and network (carrel-demo)
#   DEMO_DIR         everything it writes (build/demo)
#   DEMO_HTTPS_PORT  8443, DEMO_RDP_PORT 3389, DEMO_LDAP_PORT (the RDP port + 10000), on 127.0.0.1
#   DEMO_SUBNET      first three numbers of the desktops' network (192.168.145)
#   DEMO_CROWD       this many people more, crowd01 … (0)
top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
DEMO_NAME=${DEMO_NAME:-carrel-demo}
DEMO_DIR=$(realpath -m "${DEMO_DIR:-$top/build/demo}")
DEMO_HTTPS_PORT=${DEMO_HTTPS_PORT:-8443}
DEMO_RDP_PORT=${DEMO_RDP_PORT:-3389}
DEMO_LDAP_PORT=${DEMO_LDAP_PORT:-$((DEMO_RDP_PORT + 10000))}
DEMO_SUBNET=${DEMO_SUBNET:-192.168.145}
export DEMO_CROWD=${DEMO_CROWD:-0}
URL=https://localhost:$DEMO_HTTPS_PORT
BRIDGE=virbr${DEMO_SUBNET##*.}
DAEMONS='broker poolmgr gateway'
VIRSH='virsh -q -c qemu:///system'
run=$DEMO_DIR/run
logs=$DEMO_DIR/log
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C.UTF-8
export PATH LC_ALL

die()
{
    printf '\ndemo: %s\n' "$1" >&2
    exit 1
}

say()
{
    printf 'demo: %s\n' "$1"
}

# Names and numbers are used in file names, XML and interface names.
check_variables()
{
    local p
    [[ $DEMO_NAME =~ ^[a-z][a-z0-9-]{0,23}$ ]] || die "DEMO_NAME '$DEMO_NAME' has to be 1-24 of a-z, 0-9 and '-', a letter first"
    [[ $DEMO_SUBNET =~ ^(10|172|192)\.[0-9]{1,3}\.[0-9]{1,3}$ ]] || die "DEMO_SUBNET '$DEMO_SUBNET' has to be like 192.168.145"
    [[ $DEMO_CROWD =~ ^[0-9]{1,2}$ ]] || die "DEMO_CROWD '$DEMO_CROWD' has to be a number below 100"
    for p in "$DEMO_HTTPS_PORT" "$DEMO_RDP_PORT" "$DEMO_LDAP_PORT"; do
        [[ $p =~ ^[0-9]{1,5}$ ]] && [ "$p" -ge 1 ] && [ "$p" -le 65535 ] || die "'$p' is not a port (DEMO_HTTPS_PORT, DEMO_RDP_PORT, DEMO_LDAP_PORT)"
    done
    [[ $DEMO_DIR =~ ^[A-Za-z0-9_./+@-]+$ ]] || die "the path '$DEMO_DIR' has characters that configuration files cannot hold; set DEMO_DIR to another"
    # A unix socket's path has 107 bytes at most.
    [ ${#DEMO_DIR} -le 80 ] || die "the path $DEMO_DIR is too long for sockets below it (80 characters at most); set DEMO_DIR to a shorter one"
}

ctl()
{
    "$top/build/bin/carrelctl" --socket "$run/broker.sock" "$@"
}

# The pid of a daemon of this site, if it runs.
daemon_pid() # NAME
{
    local pid
    pid=$(cat "$run/$1.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "carrel-$1 -c $DEMO_DIR/conf/$1.conf" && echo "$pid"
}

libvirt_answers()
{
    timeout 10 $VIRSH version >/dev/null 2>&1
}

# No pipe into grep -q here: virsh would die of it in the middle, and pipefail would say no.
network_active()
{
    [[ $($VIRSH net-info "$DEMO_NAME" 2>/dev/null) =~ Active:\ +yes ]]
}

our_domains()
{
    $VIRSH list --all --name 2>/dev/null | grep -E "^$DEMO_NAME-" || true
}

# Where images and overlays lie: QEMU runs as a user of its own and has to get there. Where the source tree is inside a
# private home, that is a folder of libvirt's instead.
storage_dir()
{
    local user
    user=$(qemu_user)
    mkdir -p "$DEMO_DIR"
    if setpriv --reuid "$user" --regid "$user" --clear-groups test -x "$DEMO_DIR" 2>/dev/null; then
        echo "$DEMO_DIR/storage"
    else
        echo "/var/lib/libvirt/images/$DEMO_NAME"
    fi
}

qemu_user()
{
    if getent passwd libvirt-qemu >/dev/null; then echo libvirt-qemu; else echo root; fi
}
