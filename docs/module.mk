TOOLS += describe
describe_SRC := docs/describe.c
describe_LIBS := model base
describe_LDLIBS := $(BASE_LDLIBS)

# Reference pages and manuals out of the tables in the code; `make check` is red when they are not current.
DAEMONS := $(filter carrel-%,$(PROGRAMS))
docs: all tools
	docs/generate docs
.PHONY: docs
