/* A stand-in desktop: an RDP server with an exact picture. For tests of gateway and client; one thread a connection.
 *
 * Usage: fake_desktop ADDRESS PORT CERTIFICATE KEY [RRGGBB]
 * TLS security only. Four quadrants of known colours (tests/fakes/fake_picture); each key paints a block. Printed, a
 * line each: ready; peer; logon USER DOMAIN PASSWORD (as the client sent them); key CODE; gone. */
#include "tests/fakes/fake_picture.h"

#include <freerdp/channels/channels.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/listener.h>
#include <freerdp/peer.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <winpr/ssl.h>
#include <winpr/synch.h>
#include <winpr/thread.h>
#include <winpr/wtsapi.h>

struct visit {
    rdpContext base; /* first: FreeRDP allocates it */
    unsigned keys;
};

static const char *certificate_file, *key_file;
static uint32_t colour = 0x2060c0;

static const char *text_of(rdpContext *context, FreeRDP_Settings_Keys_String key)
{
    const char *text = freerdp_settings_get_string(context->settings, key);
    return text != NULL && text[0] != '\0' ? text : "-";
}

static BOOL on_activate(freerdp_peer *peer)
{
    rdpContext *context = peer->context;
    printf("logon %s %s %s\n", text_of(context, FreeRDP_Username), text_of(context, FreeRDP_Domain),
           text_of(context, FreeRDP_Password));
    return picture_desktop(context, colour);
}

static BOOL on_post_connect(freerdp_peer *peer)
{
    (void)peer;
    return TRUE;
}

static BOOL on_key(rdpInput *input, UINT16 flags, UINT8 code)
{
    struct visit *visit = (struct visit *)input->context;
    if (flags & KBD_FLAGS_RELEASE)
        return TRUE;
    printf("key %02x\n", code);
    return picture_key(input->context, visit->keys++, code);
}

static BOOL on_unicode_key(rdpInput *input, UINT16 flags, UINT16 code)
{
    (void)input;
    (void)flags;
    printf("key u+%04x\n", code);
    return TRUE;
}

static BOOL on_mouse(rdpInput *input, UINT16 flags, UINT16 x, UINT16 y)
{
    (void)input;
    (void)flags;
    (void)x;
    (void)y;
    return TRUE;
}

static BOOL on_synchronize(rdpInput *input, UINT32 flags)
{
    (void)input;
    (void)flags;
    return TRUE;
}

static BOOL on_refresh(rdpContext *context, BYTE count, const RECTANGLE_16 *areas)
{
    (void)count;
    (void)areas;
    return picture_desktop(context, colour);
}

static BOOL on_suppress(rdpContext *context, BYTE allow, const RECTANGLE_16 *area)
{
    (void)context;
    (void)allow;
    (void)area;
    return TRUE;
}

static bool set_security(rdpSettings *settings)
{
    rdpPrivateKey *key = freerdp_key_new_from_file(key_file);
    rdpCertificate *certificate = freerdp_certificate_new_from_file(certificate_file);
    return key != NULL && certificate != NULL &&
           freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerRsaKey, key, 1) &&
           freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerCertificate, certificate, 1) &&
           freerdp_settings_set_bool(settings, FreeRDP_RdpSecurity, FALSE) &&
           freerdp_settings_set_bool(settings, FreeRDP_TlsSecurity, TRUE) &&
           freerdp_settings_set_bool(settings, FreeRDP_NlaSecurity, FALSE) &&
           freerdp_settings_set_uint32(settings, FreeRDP_ColorDepth, 32) &&
           freerdp_settings_set_bool(settings, FreeRDP_SuppressOutput, TRUE) &&
           freerdp_settings_set_bool(settings, FreeRDP_RefreshRect, TRUE);
}

static void set_callbacks(freerdp_peer *peer)
{
    rdpInput *input = peer->context->input;
    peer->PostConnect = on_post_connect;
    peer->Activate = on_activate;
    input->KeyboardEvent = on_key;
    input->UnicodeKeyboardEvent = on_unicode_key;
    input->MouseEvent = on_mouse;
    input->ExtendedMouseEvent = on_mouse;
    input->SynchronizeEvent = on_synchronize;
    peer->context->update->RefreshRect = on_refresh;
    peer->context->update->SuppressOutput = on_suppress;
}

static void serve(freerdp_peer *peer)
{
    HANDLE events[32];
    for (;;) {
        DWORD n = peer->GetEventHandles(peer, events, 32);
        if (n == 0 || WaitForMultipleObjects(n, events, FALSE, INFINITE) == WAIT_FAILED ||
            !peer->CheckFileDescriptor(peer))
            return;
    }
}

static DWORD WINAPI run(LPVOID arg)
{
    freerdp_peer *peer = arg;
    peer->ContextSize = sizeof(struct visit);
    puts("peer");
    if (freerdp_peer_context_new(peer)) {
        set_callbacks(peer);
        if (set_security(peer->context->settings) && peer->Initialize(peer)) {
            serve(peer);
            peer->Disconnect(peer);
        }
        freerdp_peer_context_free(peer);
    }
    freerdp_peer_free(peer);
    puts("gone");
    return 0;
}

static BOOL on_peer(freerdp_listener *listener, freerdp_peer *peer)
{
    (void)listener;
    HANDLE thread = CreateThread(NULL, 0, run, peer, 0, NULL);
    return thread != NULL && CloseHandle(thread);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    certificate_file = argv[3];
    key_file = argv[4];
    if (argc > 5)
        colour = (uint32_t)strtoul(argv[5], NULL, 16);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT);
    WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi());
    freerdp_listener *listener = freerdp_listener_new();
    if (listener == NULL)
        return 1;
    listener->PeerAccepted = on_peer;
    if (!listener->Open(listener, argv[1], (UINT16)atoi(argv[2]))) {
        fprintf(stderr, "fake_desktop: cannot listen on %s port %s\n", argv[1], argv[2]);
        return 1;
    }
    puts("ready");
    for (;;) {
        HANDLE events[32];
        DWORD n = listener->GetEventHandles(listener, events, 32);
        if (n == 0 || WaitForMultipleObjects(n, events, FALSE, INFINITE) == WAIT_FAILED ||
            !listener->CheckFileDescriptor(listener))
            return 1;
    }
}
