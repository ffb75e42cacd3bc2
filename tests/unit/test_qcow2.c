/* linkedclone/qcow2: reads what qemu-img writes, and refuses what would lead outside. */
#include "linkedclone/qcow2.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static char dir[PATH_MAX];

static int enter(void **state)
{
    (void)state;
    return scratch_enter("qcow2", dir);
}

static int leave(void **state)
{
    (void)state;
    scratch_leave(dir);
    return 0;
}

static size_t load(const char *name, unsigned char *ret, size_t size)
{
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, ret, size);
    close(fd);
    assert_true(n > 0);
    return (size_t)n;
}

static void an_overlay_is_read(void **state)
{
    (void)state;
    struct qcow2_header header;
    assert_int_equal(scratch_sh("qemu-img create -q -f qcow2 base.qcow2 10M && "
                                "qemu-img create -q -f qcow2 -b %s/base.qcow2 -F qcow2 over.qcow2 12M",
                                dir),
                     0);
    int fd = open("over.qcow2", O_RDONLY);
    assert_int_equal(qcow2_read(fd, &header, NULL), 0);
    close(fd);
    char base[PATH_MAX + 16];
    snprintf(base, sizeof(base), "%s/base.qcow2", dir);
    assert_int_equal(header.version, 3);
    assert_int_equal(header.virtual_size, 12 << 20);
    assert_string_equal(header.backing, base);
    assert_string_equal(header.backing_format, "qcow2");
    assert_false(header.data_file || header.dirty || header.corrupt);
}

static void old_and_strange_images_are_read(void **state)
{
    (void)state;
    struct qcow2_header header;
    assert_int_equal(scratch_sh("qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=512 old.qcow2 10M && "
                                "qemu-img create -q -f qcow2 -o data_file=data.raw outside.qcow2 10M && "
                                "qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw thief.qcow2 10M"),
                     0);
    int fd = open("old.qcow2", O_RDONLY);
    assert_int_equal(qcow2_read(fd, &header, NULL), 0);
    assert_int_equal(header.version, 2);
    assert_string_equal(header.backing, "");
    close(fd);
    fd = open("outside.qcow2", O_RDONLY);
    assert_int_equal(qcow2_read(fd, &header, NULL), 0);
    assert_true(header.data_file);
    close(fd);
    fd = open("thief.qcow2", O_RDONLY);
    assert_int_equal(qcow2_read(fd, &header, NULL), 0);
    assert_string_equal(header.backing, "/etc/shadow");
    close(fd);
}

static void what_is_no_image_is_refused(void **state)
{
    (void)state;
    struct qcow2_header header;
    struct error error = {0};
    assert_int_equal(qcow2_parse("", 0, &header, &error), ERR_IMAGE);
    assert_int_equal(
        qcow2_parse("hello, this is text and no image at all, however long it may be ........", 72, &header, &error),
        ERR_IMAGE);
    assert_string_equal(error.text, "not a usable qcow2 image: its first bytes are not those of the format");
}

static void every_cut_and_every_flipped_byte_ends_well(void **state)
{
    (void)state;
    unsigned char data[4096];
    assert_int_equal(scratch_sh("qemu-img create -q -f qcow2 -u -b /a/b -F qcow2 x.qcow2 10M"), 0);
    size_t len = load("x.qcow2", data, sizeof(data));
    struct qcow2_header header;
    size_t refused = 0;
    for (size_t cut = 0; cut < 600; cut++)
        refused += qcow2_parse(data, cut, &header, NULL) < 0;
    assert_true(refused >= 104);
    for (size_t i = 0; i < 600; i++)
        for (int bit = 0; bit < 8; bit++) {
            data[i] ^= (unsigned char)(1 << bit);
            int rc = qcow2_parse(data, len, &header, NULL);
            assert_true(rc == 0 || rc == ERR_IMAGE);
            data[i] ^= (unsigned char)(1 << bit);
        }
    assert_int_equal(qcow2_parse(data, len, &header, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_overlay_is_read),
        cmocka_unit_test(old_and_strange_images_are_read),
        cmocka_unit_test(what_is_no_image_is_refused),
        cmocka_unit_test(every_cut_and_every_flipped_byte_ends_well),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
