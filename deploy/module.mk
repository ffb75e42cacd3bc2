# The demo site: deploy/demo. Variables such as DEMO_NAME come from the command line or the environment.
demo_vars := DEMO_NAME DEMO_DIR DEMO_HTTPS_PORT DEMO_RDP_PORT DEMO_LDAP_PORT DEMO_SUBNET DEMO_CROWD
export $(demo_vars)

demo:
	+@MAKE='$(MAKE)' deploy/demo/up
demo-status:
	@deploy/demo/status $(if $(JSON),--json)
demo-stop:
	@deploy/demo/stop
deps:
	@deploy/deps
.PHONY: demo demo-status demo-stop deps
