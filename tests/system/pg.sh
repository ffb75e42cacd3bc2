# A PostgreSQL server of a test's own: sourced, not run. pg_start DIR sets $pg_uri; pg_stop ends it and removes DIR.
pg_start() {
    local bin
    bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)")
    pg_dir=$(mktemp -d) pg_bin=$bin pg_log=$1.log
    pg_as=()
    # initdb refuses to run as root.
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$pg_dir"
        pg_as=(runuser -u postgres --)
    fi
    "${pg_as[@]}" "$bin/initdb" -D "$pg_dir/data" -A trust -U carrel -E UTF8 --no-sync >"$pg_log" 2>&1 || return 1
    "${pg_as[@]}" "$bin/pg_ctl" -D "$pg_dir/data" -w -l "$pg_dir/log" -o "-k $pg_dir -c listen_addresses= -c fsync=off" start >>"$pg_log" 2>&1 ||
        return 1
    pg_uri="postgresql:///postgres?host=$pg_dir&user=carrel"
}
pg_crash() { "${pg_as[@]}" "$pg_bin/pg_ctl" -D "$pg_dir/data" -m immediate stop >>"$pg_log" 2>&1; }
pg_again() {
    "${pg_as[@]}" "$pg_bin/pg_ctl" -D "$pg_dir/data" -w -l "$pg_dir/log" -o "-k $pg_dir -c listen_addresses= -c fsync=off" start >>"$pg_log" 2>&1
}
pg_stop() {
    [ -n "${pg_dir:-}" ] || return 0
    "${pg_as[@]}" "$pg_bin/pg_ctl" -D "$pg_dir/data" -m immediate stop >>"$pg_log" 2>&1
    rm -rf "$pg_dir"
    pg_dir=
}
