/* linkedclone/overlay: clones by template are what qemu-img would have made, whole or not there. */
#include "lib/base/id.h"
#include "linkedclone/overlay.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

static char dir[PATH_MAX], base[PATH_MAX + 16];

static int enter(void **state)
{
    (void)state;
    if (scratch_enter("overlay", dir) < 0)
        return -1;
    snprintf(base, sizeof(base), "%s/base.qcow2", dir);
    return scratch_sh("head -c 3000000 /dev/urandom > base.raw && "
                      "qemu-img convert -f raw -O qcow2 base.raw base.qcow2 && chmod 0444 base.qcow2 && mkdir clones");
}

static int leave(void **state)
{
    (void)state;
    scratch_leave(dir);
    return 0;
}

static struct overlay_template *make_template(void)
{
    struct overlay_template *t = NULL;
    struct overlay_base what = {base, "qcow2", 0};
    struct error error = {0};
    if (overlay_template_new(&what, dir, &t, &error) < 0)
        fail_msg("%s", error.text);
    return t;
}

static char *clone_path(const char *name)
{
    char *path = mem_printf("%s/clones/%s.qcow2", dir, name);
    assert_non_null(path);
    return path;
}

static void a_clone_is_what_qemu_img_makes(void **state)
{
    (void)state;
    struct overlay_template *t CLEANUP(overlay_template_freep) = make_template();
    char *path CLEANUP_FREE = clone_path("one");
    struct error error = {0};
    if (overlay_make(t, path, (uid_t)-1, (gid_t)-1, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(
        scratch_sh("qemu-img create -q -f qcow2 -b %s -F qcow2 theirs.qcow2 && cmp theirs.qcow2 %s", base, path), 0);
    assert_int_equal(scratch_sh("qemu-img check -q -f qcow2 %s", path), 0);
    assert_int_equal(scratch_sh("qemu-img info -f qcow2 --backing-chain %s | grep -q '^image: %s'", path, base), 0);
    assert_int_equal(scratch_sh("qemu-img compare -q -f qcow2 -F qcow2 %s %s", path, base), 0);
    assert_int_equal(overlay_check(t, path, NULL), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_blocks * 512 <= 16384);
}

static void a_batch_is_made_whole(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    struct overlay_template *t CLEANUP(overlay_template_freep) = make_template();
    static char names[COUNT][PATH_MAX + 64];
    const char *paths[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "%s/clones/batch-%03d.qcow2", dir, i);
        paths[i] = names[i];
    }
    struct error error = {0};
    if (overlay_make_many(t, paths, COUNT, getuid(), getgid(), &error) < 0)
        fail_msg("%s", error.text);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(overlay_check(t, paths[i], NULL), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(overlay_remove(paths[i], NULL), 0);
    /* One that exists stops the batch, and nothing of it remains. */
    assert_int_equal(overlay_make(t, paths[500], getuid(), getgid(), NULL), 0);
    assert_int_equal(overlay_make_many(t, paths, COUNT, getuid(), getgid(), &error), ERR_EXISTS);
    assert_int_equal(scratch_sh("test $(ls -A clones | grep -c batch) = 1"), 0);
    assert_int_equal(overlay_check(t, paths[500], NULL), 0);
    assert_int_equal(overlay_remove(paths[500], NULL), 0);
    assert_int_equal(overlay_remove(paths[500], NULL), 0);
}

static void a_larger_clone_is_made(void **state)
{
    (void)state;
    struct overlay_template *t = NULL;
    struct overlay_base what = {base, "qcow2", UINT64_C(20) << 30};
    char *path CLEANUP_FREE = clone_path("large");
    assert_int_equal(overlay_template_new(&what, dir, &t, NULL), 0);
    assert_int_equal(overlay_make(t, path, (uid_t)-1, (gid_t)-1, NULL), 0);
    assert_int_equal(scratch_sh("qemu-img check -q -f qcow2 %s", path), 0);
    overlay_template_free(t);
    what.virtual_size = 4096;
    assert_int_equal(overlay_template_new(&what, dir, &t, NULL), ERR_IMAGE);
}

static void a_changed_base_makes_no_clones(void **state)
{
    (void)state;
    char copy[PATH_MAX + 16];
    snprintf(copy, sizeof(copy), "%s/copy.qcow2", dir);
    assert_int_equal(scratch_sh("cp %s %s", base, copy), 0);
    struct overlay_template *t CLEANUP(overlay_template_freep) = NULL;
    struct overlay_base what = {copy, "qcow2", 0};
    char *path CLEANUP_FREE = clone_path("late");
    assert_int_equal(overlay_template_new(&what, dir, &t, NULL), 0);
    assert_int_equal(scratch_sh("touch -d 2001-01-01 %s", copy), 0);
    assert_int_equal(overlay_make(t, path, (uid_t)-1, (gid_t)-1, NULL), ERR_IMAGE);
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(overlay_make(t, path, (uid_t)-1, (gid_t)-1, NULL), ERR_IMAGE);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void wrong_clones_are_told(void **state)
{
    (void)state;
    struct overlay_template *t CLEANUP(overlay_template_freep) = make_template();
    char *path CLEANUP_FREE = clone_path("wrong");
    struct error error = {0};
    assert_int_equal(overlay_check(t, path, &error), ERR_NOT_FOUND);
    assert_int_equal(scratch_sh("qemu-img create -q -f qcow2 -u -b /elsewhere -F qcow2 %s 3000320", path), 0);
    assert_int_equal(overlay_check(t, path, &error), ERR_IMAGE);
    assert_non_null(strstr(error.text, "another backing file"));
    assert_int_equal(scratch_sh("truncate -s 4096 %s", path), 0);
    assert_int_equal(overlay_check(t, path, &error), ERR_IMAGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(base, path), 0);
    assert_int_not_equal(overlay_check(t, path, &error), 0);
    assert_int_equal(unlink(path), 0);
}

static void a_sealed_file_is_not_removed(void **state)
{
    (void)state;
    assert_int_equal(overlay_remove(base, NULL), ERR_SEALED);
    assert_int_equal(access(base, F_OK), 0);
    assert_int_equal(overlay_remove("relative", NULL), ERR_INVALID);
    assert_int_equal(overlay_remove("/nowhere/at/all", NULL), 0);
}

/* Killed at any moment, a maker leaves whole clones and names that cleanup removes. */
static void a_killed_maker_leaves_nothing_half_made(void **state)
{
    (void)state;
    struct overlay_template *t CLEANUP(overlay_template_freep) = make_template();
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            for (int i = 0;; i++) {
                char path[PATH_MAX + 64];
                snprintf(path, sizeof(path), "%s/clones/kill-%d-%d.qcow2", dir, round, i);
                if (overlay_make(t, path, (uid_t)-1, (gid_t)-1, NULL) < 0)
                    _exit(1);
            }
        usleep((useconds_t)(2000 + round * 1500));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    size_t removed = 0;
    char clones[PATH_MAX + 16];
    snprintf(clones, sizeof(clones), "%s/clones", dir);
    assert_int_equal(overlay_cleanup(clones, &removed, NULL), 0);
    assert_int_equal(scratch_sh("test -z \"$(ls -A clones | grep '^[.]')\""), 0);
    assert_int_equal(scratch_sh("for f in clones/kill-*; do qemu-img check -q -f qcow2 $f || exit 1; done 2>&1 | head"),
                     0);
    assert_int_equal(scratch_sh("touch clones/.old.clone"), 0);
    assert_int_equal(overlay_cleanup(clones, &removed, NULL), 0);
    assert_int_equal(removed, 1);
}

static void owners_are_resolved(void **state)
{
    (void)state;
    uid_t uid = 7;
    gid_t gid = 7;
    assert_int_equal(overlay_owner_parse("root", &uid, &gid, NULL), 0);
    assert_int_equal(uid, 0);
    assert_int_equal(gid, 0);
    assert_int_equal(overlay_owner_parse("12:root", &uid, &gid, NULL), 0);
    assert_int_equal(uid, 12);
    assert_int_equal(overlay_owner_parse("no-such-user", &uid, &gid, NULL), ERR_CONFIG);
    assert_int_equal(overlay_owner_parse("root:no-such-group", &uid, &gid, NULL), ERR_CONFIG);
    assert_int_equal(uid, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clone_is_what_qemu_img_makes),
        cmocka_unit_test(a_batch_is_made_whole),
        cmocka_unit_test(a_larger_clone_is_made),
        cmocka_unit_test(a_changed_base_makes_no_clones),
        cmocka_unit_test(wrong_clones_are_told),
        cmocka_unit_test(a_sealed_file_is_not_removed),
        cmocka_unit_test(a_killed_maker_leaves_nothing_half_made),
        cmocka_unit_test(owners_are_resolved),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
