/* What a desktop says of itself, against other programs' answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/guest/identity.h"
#include "deploy/guest/sha256.h"

static void test_sha256(void **state)
{
    (void)state;
    char hex[65], long_text[1000];
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(long_text, 'a', sizeof(long_text));
    sha256_hex(long_text, sizeof(long_text), hex);
    assert_string_equal(hex, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

static void read_command(const char *command, char *out, size_t size)
{
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    assert_int_equal(pclose(f), 0);
}

/* The fingerprint is the one that openssl computes. */
static void test_certificate(void **state)
{
    (void)state;
    char dir[] = "/tmp/carrel-identity-XXXXXX", command[1024], pem[8192], want[128], got[65];
    assert_non_null(mkdtemp(dir));
    snprintf(
        command, sizeof(command),
        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=x -keyout k -out c "
        "2>/dev/null && cat c",
        dir);
    read_command(command, pem, sizeof(pem));
    snprintf(command, sizeof(command), "openssl x509 -in %s/c -outform DER | sha256sum", dir);
    read_command(command, want, sizeof(want));
    identity_pem_sha256(pem, got);
    want[64] = '\0';
    assert_string_equal(got, want);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_no_certificate(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-----BEGIN CERTIFICATE-----\nAAAA", "-----END CERTIFICATE-----",
                                      "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char got[65] = "x";
        identity_pem_sha256(bad[i], got);
        assert_string_equal(got, "");
    }
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

#define TCP_HEAD "  sl  local_address rem_address   st tx_queue\n"

static void test_listening(void **state)
{
    (void)state;
    char dir[] = "/tmp/carrel-identity-XXXXXX", command[128];
    assert_non_null(mkdtemp(dir));
    assert_false(identity_rdp_listening(dir));
    snprintf(command, sizeof(command), "mkdir -p %s/proc/net", dir);
    assert_int_equal(system(command), 0);
    put(dir, "/proc/net/tcp", TCP_HEAD "   0: 0100007F:0D16 00000000:0000 0A 00000000:00000000\n");
    assert_false(identity_rdp_listening(dir));
    put(dir, "/proc/net/tcp", TCP_HEAD "   0: 0100007F:0D3D 0100007F:1234 01 00000000:00000000\n");
    assert_false(identity_rdp_listening(dir));
    put(dir, "/proc/net/tcp", TCP_HEAD "   0: 00000000:0D3D 00000000:0000 0A 00000000:00000000\n");
    assert_true(identity_rdp_listening(dir));
    put(dir, "/proc/net/tcp", "");
    put(dir, "/proc/net/tcp6",
        TCP_HEAD "   0: 00000000000000000000000000000000:0D3D 00000000000000000000000000000000:0000 0A 0:0\n");
    assert_true(identity_rdp_listening(dir));
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_read(void **state)
{
    (void)state;
    char dir[] = "/tmp/carrel-identity-XXXXXX", command[128];
    struct guest_identity i;
    assert_non_null(mkdtemp(dir));
    identity_read(dir, &i);
    assert_string_equal(i.machine_id, "");
    assert_string_equal(i.os, "");
    assert_int_equal(i.version, GUEST_VERSION);
    snprintf(command, sizeof(command), "mkdir -p %s/etc", dir);
    assert_int_equal(system(command), 0);
    put(dir, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(dir, "/etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    identity_read(dir, &i);
    assert_string_equal(i.machine_id, "0123456789abcdef0123456789abcdef");
    assert_string_equal(i.os, "Debian GNU/Linux 12 (bookworm)");
    put(dir, "/etc/machine-id", "uninitialized\n");
    identity_read(dir, &i);
    assert_string_equal(i.machine_id, "");
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),    cmocka_unit_test(test_certificate), cmocka_unit_test(test_no_certificate),
        cmocka_unit_test(test_listening), cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
