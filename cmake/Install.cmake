# What `cmake --install` puts where. ebpfnetd looks for ebpfnet-shim in its own directory.
include(GNUInstallDirs)
install(TARGETS ebpfnet RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ebpfnetd ebpfnet-shim RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})

# The unit names the daemon's and the settings' full paths.
set(EBPFNET_SYSTEMD_DIR "lib/systemd/system" CACHE STRING "Where the systemd unit goes, below the prefix")
set(EBPFNET_SYSCONFDIR "/etc/ebpfnet" CACHE PATH "Where ebpfnetd.toml goes")
configure_file(packaging/ebpfnetd.service.in ${CMAKE_BINARY_DIR}/packaging/ebpfnetd.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/packaging/ebpfnetd.service DESTINATION ${EBPFNET_SYSTEMD_DIR})
install(FILES packaging/ebpfnetd.toml DESTINATION ${EBPFNET_SYSCONFDIR})
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES bpf/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.bpf)
install(FILES docs/README.md docs/design.md docs/cli.md docs/operations.md docs/performance.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
