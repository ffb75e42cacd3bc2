/* carrel-keygen KEY CERTIFICATE: a P-256 key and a certificate that it signs itself, at a desktop's first boot.
 *
 * It stands between power-on and the RDP port of every linked clone. `openssl req` does the same in a second and a half
 * where the guest is emulated, most of it spent on loading itself; this program is static and reads no configuration.
 * The name in the certificate says nothing: clients of a desktop pin its fingerprint. The certificate file comes into
 * being last, by rename, so that its presence tells that all is done. */
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define YEARS         10
#define SECONDS_A_DAY 86400L

static FILE *create(const char *path, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

static int put_key(const char *path, EVP_PKEY *key)
{
    FILE *f = create(path, 0600);
    int ok = f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
    return f != NULL && fclose(f) == 0 && ok ? 0 : -1;
}

static int put_certificate(const char *path, X509 *cert)
{
    char fresh[4096];
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return -1;
    FILE *f = create(fresh, 0644);
    int ok = f != NULL && PEM_write_X509(f, cert) == 1;
    return f != NULL && fclose(f) == 0 && ok && rename(fresh, path) == 0 ? 0 : -1;
}

static int random_serial(X509 *cert)
{
    uint64_t serial;
    return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) == 1;
}

/* Valid from a day ago: a guest's clock need not be right. */
static X509 *self_signed(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    int ok =
        cert != NULL && name != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && random_serial(cert) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"carrel-desktop", -1, -1, 0) == 1 &&
        X509_set_subject_name(cert, name) == 1 && X509_set_issuer_name(cert, name) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -SECONDS_A_DAY) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(cert), YEARS * 365 * SECONDS_A_DAY) != NULL &&
        X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0;
    X509_NAME_free(name);
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: carrel-keygen KEY CERTIFICATE\n");
        return 2;
    }
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? self_signed(key) : NULL;
    int failed = cert == NULL || put_key(argv[1], key) < 0 || put_certificate(argv[2], cert) < 0;
    if (failed)
        fprintf(stderr, "carrel-keygen: no key could be made or written\n");
    X509_free(cert);
    EVP_PKEY_free(key);
    return failed;
}
