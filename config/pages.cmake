# Man pages and bash completions, which the program makes from its tables, and what stands in share/.
if(NOT CMAKE_CROSSCOMPILING) # the program runs here
  set(bevel_pages ${CMAKE_BINARY_DIR}/share)
  add_custom_command(
    OUTPUT ${bevel_pages}/man/man1/bevel.1 ${bevel_pages}/bash-completion/completions/bevel
    COMMAND ${CMAKE_COMMAND} -E make_directory ${bevel_pages}/man/man1
            ${bevel_pages}/bash-completion/completions
    COMMAND bevel_program --man ${bevel_pages}/man/man1
    COMMAND bevel_program --completion > ${bevel_pages}/bash-completion/completions/bevel
    DEPENDS bevel_program
    COMMENT "Writing man pages and completions")
  add_custom_target(bevel_pages ALL DEPENDS ${bevel_pages}/man/man1/bevel.1
                                            ${bevel_pages}/bash-completion/completions/bevel)
  install(DIRECTORY ${bevel_pages}/man/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${bevel_pages}/bash-completion/completions/bevel
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

install(FILES share/cluster/bevel.slurm share/cluster/bevel.pbs
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bevel/cluster)
configure_file(share/modulefiles/bevel.lua.in ${CMAKE_BINARY_DIR}/share/modulefiles/bevel.lua @ONLY)
configure_file(share/modulefiles/bevel.tcl.in ${CMAKE_BINARY_DIR}/share/modulefiles/bevel.tcl @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/share/modulefiles/bevel.lua
        DESTINATION ${CMAKE_INSTALL_DATADIR}/modulefiles/lmod/bevel RENAME ${PROJECT_VERSION}.lua)
install(FILES ${CMAKE_BINARY_DIR}/share/modulefiles/bevel.tcl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/modulefiles/tcl/bevel RENAME ${PROJECT_VERSION})
