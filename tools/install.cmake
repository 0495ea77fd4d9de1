# cmake --install: the binary, its man pages and completions, the licence. cpack: the same as a Debian package.
include(GNUInstallDirs)

set(manual ${CMAKE_CURRENT_BINARY_DIR}/share)
add_custom_command(OUTPUT ${manual}/written
                   COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual}
                   COMMAND dgsam-run manual --out ${manual}
                   COMMAND ${CMAKE_COMMAND} -E touch ${manual}/written
                   DEPENDS dgsam-run COMMENT "Writing man pages and completions" VERBATIM)
add_custom_target(dgsam-manual ALL DEPENDS ${manual}/written)

install(TARGETS dgsam-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${manual}/ DESTINATION ${CMAKE_INSTALL_DATADIR} PATTERN written EXCLUDE)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/dgsam RENAME copyright)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/dgsam)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME dgsam)
set(CPACK_PACKAGE_VENDOR "the dgsam authors")
set(CPACK_PACKAGE_CONTACT "the dgsam authors <dgsam@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains ResNets for domain generalization with ERM, SAM and DGSAM")
set(CPACK_PACKAGE_DESCRIPTION "A standalone deep-learning engine and the program dgsam-run, which trains, evaluates and
compares networks under the DomainBed and SWAD protocols.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)                       # needs dpkg-dev
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "dataset-fashion-mnist")  # the demo's photographs
if(DGSAM_NATIVE)  # it may not run on another processor: a version that any other one replaces
  set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION}~native)
endif()
include(CPack)
