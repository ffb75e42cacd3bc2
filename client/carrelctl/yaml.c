#include "client/carrelctl/yaml.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

static bool emit(yaml_emitter_t *e, yaml_event_t *event, int made)
{
    return made && yaml_emitter_emit(e, event);
}

/* Whether a plain scalar of this text is read back as this string by every YAML 1.1 and 1.2 reader. */
static bool is_plain(const char *s)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};

    if (!isalpha((unsigned char)*s))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(s, words[i]) == 0)
            return false;
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@-")] == '\0';
}

static bool write_scalar(yaml_emitter_t *e, const char *text, bool is_string)
{
    yaml_event_t event;
    bool plain = !is_string || is_plain(text);

    return emit(e, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)strlen(text), plain, 1,
                                             plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE));
}

static bool write_value(yaml_emitter_t *e, const json_t *value);

static bool write_members(yaml_emitter_t *e, const json_t *object)
{
    yaml_event_t event;
    const char *key;
    json_t *item;
    yaml_mapping_style_t style = json_object_size(object) ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;

    if (!emit(e, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style)))
        return false;
    json_object_foreach((json_t *)object, key,
                        item) if (!write_scalar(e, key, true) || !write_value(e, item)) return false;
    return emit(e, &event, yaml_mapping_end_event_initialize(&event));
}

static bool write_items(yaml_emitter_t *e, const json_t *array)
{
    yaml_event_t event;
    json_t *item;
    size_t i;
    yaml_sequence_style_t style = json_array_size(array) ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;

    if (!emit(e, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style)))
        return false;
    json_array_foreach((json_t *)array, i, item) if (!write_value(e, item)) return false;
    return emit(e, &event, yaml_sequence_end_event_initialize(&event));
}

static bool write_value(yaml_emitter_t *e, const json_t *value)
{
    if (json_is_object(value))
        return write_members(e, value);
    if (json_is_array(value))
        return write_items(e, value);
    if (json_is_string(value))
        return write_scalar(e, json_string_value(value), true);
    char *text CLEANUP_FREE = json_dumps(value, JSON_ENCODE_ANY);
    return text && write_scalar(e, text, false);
}

static bool write_document(yaml_emitter_t *e, const json_t *doc)
{
    yaml_event_t event;

    return emit(e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           emit(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) && write_value(e, doc) &&
           emit(e, &event, yaml_document_end_event_initialize(&event, 1)) &&
           emit(e, &event, yaml_stream_end_event_initialize(&event));
}

int yaml_write(const json_t *doc, bool ascii, FILE *out)
{
    yaml_emitter_t emitter;

    if (!yaml_emitter_initialize(&emitter))
        return ERR_NOMEM;
    yaml_emitter_set_output_file(&emitter, out);
    yaml_emitter_set_unicode(&emitter, !ascii);
    yaml_emitter_set_width(&emitter, -1);
    bool ok = write_document(&emitter, doc);
    int r = ok ? 0 : emitter.error == YAML_MEMORY_ERROR ? ERR_NOMEM : ERR_IO;
    yaml_emitter_delete(&emitter);
    return r;
}
