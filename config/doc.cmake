# `make doc`: the C API in HTML, doc/html/index.html of the build folder; where there is Doxygen.
find_package(Doxygen QUIET)
if(DOXYGEN_FOUND)
  configure_file(config/Doxyfile.in ${CMAKE_BINARY_DIR}/Doxyfile @ONLY)
  add_custom_target(doc COMMAND ${DOXYGEN_EXECUTABLE} ${CMAKE_BINARY_DIR}/Doxyfile
                    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} VERBATIM
                    COMMENT "Writing doc/html/index.html")
endif()
