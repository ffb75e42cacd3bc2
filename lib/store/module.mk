LIBS += store
store_SRC := $(wildcard lib/store/*.c)
STORE_LDLIBS := -lsqlite3 -lpq -lpthread
# .incbin is not seen by -MMD.
$(B)/obj/lib/store/migrations.o: $(wildcard lib/store/migrations/*.sql)
