# Sourced by deploy/deps and deploy/golden: what this machine's own apt configuration says about the Debian archive.
# No archive's host is named in this repository; it is read here, at run time.

# Every enabled binary source, one a line: URI <TAB> suite <TAB> components <TAB> Signed-By <TAB> Trusted.
# Reads both formats (one-line *.list, deb822 *.sources). Line ends inside an embedded key become '\n'; "-" is "not given".
# $1: the directory that holds sources.list and sources.list.d
apt_sources_list()
{
    local etc=${1:-/etc/apt} f
    for f in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
        [ -r "$f" ] && _apt_sources_oneline "$f"
    done
    for f in "$etc"/sources.list.d/*.sources; do
        [ -r "$f" ] && _apt_sources_deb822 "$f"
    done
    return 0
}

_apt_sources_oneline()
{
    awk '
    /^[ \t]*deb[ \t]/ {
        sub(/#.*/, ""); opts = ""; signed = "-"; trusted = "-"
        if (match($0, /\[[^]]*\]/)) { opts = substr($0, RSTART + 1, RLENGTH - 2); sub(/\[[^]]*\]/, "") }
        n = split(opts, o, /[ \t]+/)
        for (i = 1; i <= n; i++) {
            if (o[i] ~ /^signed-by=/) { signed = substr(o[i], 11); gsub(/,/, " ", signed) }
            if (o[i] ~ /^trusted=/) trusted = substr(o[i], 9)
        }
        comp = ""
        for (i = 4; i <= NF; i++) comp = comp (comp == "" ? "" : " ") $i
        print $2 "\t" $3 "\t" (comp == "" ? "-" : comp) "\t" signed "\t" trusted
    }' "$1"
}

_apt_sources_deb822()
{
    awk '
    function flush(   i, j, n, m, u, s) {
        if (tolower(f["enabled"]) != "no" && (" " f["types"] " ") ~ / deb /) {
            n = split(f["uris"], u, " "); m = split(f["suites"], s, " ")
            for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
                print u[i] "\t" s[j] "\t" val("components") "\t" val("signed-by") "\t" val("trusted")
        }
        delete f; key = ""
    }
    function val(k) { return f[k] == "" ? "-" : f[k] }
    /^#/ { next }
    /^[ \t]*$/ { flush(); next }
    /^[ \t]/ {
        line = $0; sub(/^[ \t]+/, "", line)
        if (key == "signed-by") f[key] = f[key] "\\n " line
        else f[key] = f[key] " " line
        next
    }
    /^[^ \t:]+:/ {
        key = tolower(substr($0, 1, index($0, ":") - 1))
        v = substr($0, index($0, ":") + 1); gsub(/^[ \t]+|[ \t]+$/, "", v); f[key] = v
    }
    END { flush() }' "$1"
}

# The Debian main archive of suite $1 in the form of apt_sources_list, or nothing. Security archives and other people's
# archives that use Debian's suite names are passed over: where apt has seen a Release file it says whose it is.
# $2: as for apt_sources_list.
apt_sources_main()
{
    local suite=$1 etc=${2:-/etc/apt} debian line first=""
    debian=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)/$(LABEL)' 2>/dev/null |
             sed -n 's, Debian/Debian$,,p' | sort -u)
    while IFS= read -r line; do
        [ -n "$first" ] || first=$line
        case $'\n'$debian$'\n' in
        *$'\n'"${line%%$'\t'*}"$'\n'* | *$'\n'"${line%%$'\t'*}/"$'\n'*) printf '%s\n' "$line"; return 0 ;;
        esac
    done < <(apt_sources_list "$etc" |
             awk -F '\t' -v s="$suite" '$2 == s && $1 !~ /security|^cdrom:/ && (" " $3 " ") ~ / main /')
    [ -n "$first" ] && printf '%s\n' "$first"
}

# One deb822 paragraph. $1 URI, $2 suites, $3 components, $4 Signed-By ("-" = none), $5 Trusted ("-" = not given)
apt_sources_stanza()
{
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n' "$1" "$2" "$3"
    [ "$4" = - ] || printf 'Signed-By: %b\n' "$4"
    [ "$5" = - ] || printf 'Trusted: %s\n' "$5"
    printf '\n'
}
