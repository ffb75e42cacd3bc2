/* linkedclone/image: imports are whole or not there; sealed files stay as they are; images that lead elsewhere are
 * refused. */
#include "linkedclone/image.h"
#include "linkedclone/image_source.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

static char dir[PATH_MAX], version[PATH_MAX + 32], source[PATH_MAX + 32], kernel[PATH_MAX + 32];

static int enter(void **state)
{
    (void)state;
    if (scratch_enter("image", dir) < 0)
        return -1;
    snprintf(version, sizeof(version), "%s/images/debian@1", dir);
    snprintf(source, sizeof(source), "%s/source.raw", dir);
    snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
    return scratch_sh("head -c 5000192 /dev/urandom > source.raw && echo kernel > kernel && "
                      "qemu-img convert -f raw -O vmdk source.raw source.vmdk && "
                      "qemu-img convert -f raw -O vhdx source.raw source.vhdx && "
                      "qemu-img convert -f raw -O qcow2 -c source.raw source.qcow2");
}

static int leave(void **state)
{
    (void)state;
    scratch_leave(dir);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    return scratch_sh("rm -rf images");
}

static struct image_import plan(void)
{
    return (struct image_import){
        .dir = version, .source = source, .format = "raw", .kernel = kernel, .uid = getuid(), .gid = getgid()};
}

static void import_or_fail(const struct image_import *import, struct image_info *info)
{
    struct error error = {0};
    if (image_import(import, info, &error) < 0)
        fail_msg("%s", error.text);
}

static void count_progress(void *arg, enum image_step step, uint64_t done, uint64_t total)
{
    unsigned *seen = arg;
    assert_true(done <= total);
    seen[step]++;
}

static void an_import_is_sealed(void **state)
{
    (void)state;
    struct image_import import = plan();
    struct image_info info, again;
    struct stat st;
    unsigned seen[3] = {0};
    import.progress = count_progress;
    import.progress_arg = seen;
    import_or_fail(&import, &info);
    assert_true(seen[IMAGE_STEP_CONVERT] > 0 && seen[IMAGE_STEP_HASH] > 0 && seen[IMAGE_STEP_SEAL] > 0);
    assert_int_equal(info.virtual_size, 5000192);
    assert_int_equal(stat(info.disk, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0444);
    assert_int_equal(st.st_size, info.file_size);
    assert_string_equal(info.initrd, "");
    assert_int_equal(scratch_sh("test \"$(sha256sum < %s)\" = '%s  -'", info.disk, info.sha256), 0);
    assert_int_equal(
        scratch_sh("cmp %s kernel && qemu-img compare -q -f qcow2 -F raw %s source.raw", info.kernel, info.disk), 0);
    assert_int_equal(image_verify(version, NULL, NULL, NULL, NULL), 0);
    import_or_fail(&import, &again);
    assert_string_equal(again.sha256, info.sha256);
    assert_int_equal(scratch_sh("test \"$(ls -A images)\" = debian@1"), 0);
}

static void every_format_gives_the_same_disk(void **state)
{
    (void)state;
    const char *formats[] = {"qcow2", "vmdk", "vhdx"};
    for (size_t i = 0; i < 3; i++) {
        char from[PATH_MAX + 32], to[PATH_MAX + 32];
        struct image_info info;
        snprintf(from, sizeof(from), "%s/source.%s", dir, formats[i]);
        snprintf(to, sizeof(to), "%s/images/%s@1", dir, formats[i]);
        struct image_import import = plan();
        import.source = from;
        import.dir = to;
        import.format = formats[i];
        import_or_fail(&import, &info);
        assert_int_equal(scratch_sh("qemu-img compare -q -f qcow2 -F raw %s source.raw", info.disk), 0);
    }
}

static void refuse(const char *file, const char *format, int code, const char *words)
{
    char from[PATH_MAX + 32];
    struct image_info info;
    struct error error = {0};
    snprintf(from, sizeof(from), "%s/%s", dir, file);
    struct image_import import = plan();
    import.source = from;
    import.format = format;
    assert_int_equal(image_import(&import, &info, &error), code);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    assert_int_equal(scratch_sh("test -z \"$(ls -A images)\""), 0);
}

static void images_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    assert_int_equal(scratch_sh("qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw thief.qcow2 1M && "
                                "qemu-img create -q -f qcow2 -o data_file=data.raw outside.qcow2 1M && "
                                "qemu-img create -q -f qcow2 --object secret,id=s,data=x "
                                "-o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 locked.qcow2 1M && "
                                "mkdir -p other && head -c 1048576 /dev/zero > other/flat.raw"),
                     0);
    FILE *vmdk = fopen("thief.vmdk", "w");
    assert_non_null(vmdk);
    fprintf(vmdk, "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
                  "RW 2048 FLAT \"other/flat.raw\" 0\nddb.adapterType = \"ide\"\n");
    fclose(vmdk);
    refuse("thief.qcow2", "qcow2", ERR_IMAGE, "overlay of another file");
    refuse("outside.qcow2", "qcow2", ERR_IMAGE, "in another file");
    refuse("locked.qcow2", "qcow2", ERR_IMAGE, "encrypted");
    refuse("thief.vmdk", "vmdk", ERR_IMAGE, "outside its folder");
    refuse("source.raw", "qcow2", ERR_IMAGE, "first bytes");
    refuse("none.raw", "raw", ERR_NOT_FOUND, "none.raw");
    refuse("source.raw", "vdi", ERR_INVALID, "must be named");
}

static void what_qemu_img_tells_is_judged(void **state)
{
    (void)state;
    uint64_t size = 0;
    const char *good = "{\"virtual-size\": 1048576, \"format\": \"vmdk\", \"format-specific\": {\"type\": \"vmdk\", "
                       "\"data\": {\"extents\": [{\"filename\": \"/in/a-flat.vmdk\"}]}}}";
    const char *sly = "{\"virtual-size\": 1048576, \"format\": \"vmdk\", \"format-specific\": {\"type\": \"vmdk\", "
                      "\"data\": {\"extents\": [{\"filename\": \"/in/../etc/shadow\"}]}}}";
    assert_int_equal(image_source_judge(good, strlen(good), "/in/a.vmdk", "vmdk", &size, NULL), 0);
    assert_int_equal(size, 1048576);
    assert_int_equal(image_source_judge(sly, strlen(sly), "/in/a.vmdk", "vmdk", &size, NULL), ERR_IMAGE);
    assert_int_equal(image_source_judge(good, strlen(good), "/in/a.vmdk", "raw", &size, NULL), ERR_IMAGE);
    assert_int_equal(image_source_judge("{}", 2, "/in/a", "raw", &size, NULL), ERR_IMAGE);
    assert_int_equal(image_source_judge("[", 1, "/in/a", "raw", &size, NULL), ERR_IMAGE);
}

static void a_full_disk_is_told_before(void **state)
{
    (void)state;
    struct image_import import = plan();
    struct image_info info;
    struct error error = {0};
    import.headroom = UINT64_C(1) << 60;
    assert_int_equal(image_import(&import, &info, &error), ERR_NO_SPACE);
    assert_non_null(strstr(error.text, "MiB free"));
    assert_int_equal(scratch_sh("test -z \"$(ls -A images)\""), 0);
}

static void a_cancelled_import_leaves_nothing(void **state)
{
    (void)state;
    atomic_bool cancel = true;
    struct image_import import = plan();
    struct image_info info;
    import.cancel = &cancel;
    assert_int_equal(image_import(&import, &info, NULL), ERR_CANCELLED);
    assert_int_equal(scratch_sh("test -z \"$(ls -A images)\""), 0);
}

static void damage_is_found(void **state)
{
    (void)state;
    struct image_import import = plan();
    struct image_info info;
    struct error error = {0};
    import_or_fail(&import, &info);
    assert_int_equal(scratch_sh("printf X | dd of=%s bs=1 seek=300000 conv=notrunc status=none", info.disk), 0);
    assert_int_equal(image_stat(version, &info, NULL), 0);
    assert_int_equal(image_verify(version, NULL, NULL, NULL, &error), ERR_IMAGE);
    assert_string_equal(error.text, "the image's file disk.qcow2 is not what was sealed");
    assert_int_equal(scratch_sh("chmod 0644 %s", info.disk), 0);
    assert_int_equal(image_stat(version, &info, &error), ERR_IMAGE);
    assert_int_equal(scratch_sh("chmod 0444 %s && echo >> %s/vmlinuz", info.disk, version), 0);
    assert_int_equal(image_stat(version, &info, &error), ERR_IMAGE);
    assert_int_equal(scratch_sh("echo '{' > %s/manifest.json", version), 0);
    assert_int_equal(image_stat(version, &info, &error), ERR_IMAGE);
    assert_int_equal(image_import(&import, &info, &error), ERR_IMAGE);
}

/* As after kill -9 at any point: nothing under the version's name, or all of it; the next import succeeds. */
static void a_killed_import_is_done_again(void **state)
{
    (void)state;
    struct image_import import = plan();
    struct image_info info;
    for (int round = 0; round < 8; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(image_import(&import, &info, NULL) < 0);
        usleep((useconds_t)(10000 + round * 15000));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(access(version, F_OK) != 0 || image_stat(version, &info, NULL) == 0);
        assert_int_equal(image_remove(version, NULL), 0);
    }
    assert_int_equal(scratch_sh("mkdir -p images/.debian@1.import && echo > images/.debian@1.import/disk.qcow2"), 0);
    import_or_fail(&import, &info);
    assert_int_equal(image_verify(version, NULL, NULL, NULL, NULL), 0);
    size_t removed = 0;
    char images[PATH_MAX + 16];
    snprintf(images, sizeof(images), "%s/images", dir);
    assert_int_equal(scratch_sh("mkdir images/.x@1.import && echo > images/.x@1.import/disk.qcow2"), 0);
    assert_int_equal(image_cleanup(images, &removed, NULL), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(scratch_sh("test \"$(ls -A images)\" = debian@1"), 0);
    assert_int_equal(image_remove(version, NULL), 0);
    assert_int_equal(image_remove(version, NULL), 0);
    assert_int_equal(image_stat(version, &info, NULL), ERR_NOT_FOUND);
}

static void sealed_files_are_not_opened_for_writing(void **state)
{
    (void)state;
    struct image_import import = plan();
    struct image_info info;
    int fd = -1;
    import_or_fail(&import, &info);
    assert_int_equal(image_open_for_writing(info.disk, O_RDWR, &fd, NULL), ERR_SEALED);
    assert_int_equal(symlink(info.disk, "way-round"), 0);
    assert_int_equal(image_open_for_writing("way-round", O_RDWR, &fd, NULL), ERR_DENIED);
    assert_int_equal(fd, -1);
    assert_int_equal(image_open_for_writing(source, O_RDWR, &fd, NULL), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_import_is_sealed, clean),
        cmocka_unit_test_teardown(every_format_gives_the_same_disk, clean),
        cmocka_unit_test_teardown(images_that_lead_elsewhere_are_refused, clean),
        cmocka_unit_test(what_qemu_img_tells_is_judged),
        cmocka_unit_test_teardown(a_full_disk_is_told_before, clean),
        cmocka_unit_test_teardown(a_cancelled_import_leaves_nothing, clean),
        cmocka_unit_test_teardown(damage_is_found, clean),
        cmocka_unit_test_teardown(a_killed_import_is_done_again, clean),
        cmocka_unit_test_teardown(sealed_files_are_not_opened_for_writing, clean),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
