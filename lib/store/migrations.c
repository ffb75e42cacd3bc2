/* The text of the migrations, built into the program: there is no file to go missing at run time. */
#include "lib/base/mem.h"
#include "lib/store/migrate.h"

/* The file's bytes and a NUL behind them, under the symbol's name. */
#define EMBED(symbol, file)                                                                                            \
    __asm__(".section .rodata\n"                                                                                       \
            ".balign 16\n" #symbol ":\n"                                                                               \
            ".incbin \"" file "\"\n"                                                                                   \
            ".byte 0\n"                                                                                                \
            ".previous\n");                                                                                            \
    extern const char symbol[] __attribute__((visibility("hidden")))

EMBED(migrations_0001, "lib/store/migrations/0001.sql");
EMBED(migrations_0002, "lib/store/migrations/0002.sql");
EMBED(migrations_0003, "lib/store/migrations/0003.sql");

const struct migration migrate_all[] = {
    {1, migrations_0001},
    {2, migrations_0002},
    {3, migrations_0003},
};
const size_t migrate_count = ARRAY_LEN(migrate_all);
