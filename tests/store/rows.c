#include "tests/store/rows.h"

#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_image.h"

#include <stdio.h>
#include <string.h>

static void add_image(struct store *store)
{
    struct store_image image = {.name = "debian", .source = "/images/debian.qcow2", .source_format = "qcow2"};
    struct store_image there;
    if (store_image_get(store, "debian", 1, &there, NULL) == 0)
        return;
    assert_ok(store_image_add(store, &image, ROWS_NOW, ERR));
    assert_ok(store_image_move(store, 0, "debian", 1, IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, NULL, ROWS_NOW, ERR));
    assert_ok(store_image_move(store, 0, "debian", 1, IMAGE_STATE_SEALED, IMAGE_STATE_PUBLISHED, NULL, ROWS_NOW, ERR));
}

void rows_pool(struct store *store, const char *name, const char *kind)
{
    struct store_pool pool = {.image = "debian",
                              .image_version = 1,
                              .network = "default",
                              .memory_mib = 256,
                              .vcpus = 1,
                              .size_min = 2,
                              .size_max = 2000,
                              .spare = 1,
                              .grace_s = 300,
                              .idle_s = 60};
    add_image(store);
    text_copy(pool.name, sizeof(pool.name), name);
    text_copy(pool.kind, sizeof(pool.kind), kind);
    text_copy(pool.credentials, sizeof(pool.credentials), POOL_CREDENTIALS_SESSION);
    text_copy(pool.security, sizeof(pool.security), POOL_SECURITY_TLS);
    assert_ok(store_pool_add(store, &pool, ROWS_NOW, ERR));
}

void rows_ready(struct store *store, const char *pool, struct store_desktop *ret_desktop)
{
    static const enum desktop_state way[] = {DESKTOP_REQUESTED, DESKTOP_CLONING, DESKTOP_DEFINED,
                                             DESKTOP_STARTING,  DESKTOP_BOOTING, DESKTOP_READY};
    struct store_desktop d;
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    patch.address = "10.0.0.7";
    patch.rdp_port = 3389;
    patch.cert_sha256 = "ab12";
    assert_ok(store_desktop_add(store, 0, pool, "test", ROWS_NOW, &d, ERR));
    for (size_t i = 0; i + 1 < ARRAY_LEN(way); i++)
        assert_ok(store_desktop_move(store, 0, d.id, way[i], way[i + 1], "test", 0, &patch, ROWS_NOW + d.number, ERR));
    assert_ok(store_desktop_get(store, d.id, ret_desktop, ERR));
}

struct store_session rows_session(struct store *store, const char *pool, const char *person, uint32_t *ret_place)
{
    struct store_session session;
    uint32_t place;
    const struct store_session_want want = {.pool = pool, .person = person, .display = "A Person", .now_ms = ROWS_NOW};
    assert_ok(store_session_open(store, &want, &session, &place, NULL, ERR));
    if (ret_place != NULL)
        *ret_place = place;
    return session;
}

void rows_ticket(struct store *store, const char *session, const char *seed, char ret_hash[ID_HASH_SIZE])
{
    id_hash(seed, strlen(seed), ret_hash);
    const struct store_ticket_mint mint = {.hash = ret_hash, .session = session, .door = "rdp", .now_ms = ROWS_NOW};
    assert_ok(store_ticket_mint(store, &mint, ERR));
}

int rows_redeem(struct store *store, const char *hash, struct store_ticket_grant *ret_grant,
                enum store_ticket_refusal *ret_why)
{
    const struct store_ticket_use use = {.hash = hash,
                                         .door = "rdp",
                                         .address = "192.0.2.1",
                                         .gateway = "g1",
                                         .instance = "i1",
                                         .worker = "w1",
                                         .now_ms = ROWS_NOW + 1000};
    struct error e = {0};
    return store_ticket_redeem(store, &use, ret_grant, ret_why, &e);
}
