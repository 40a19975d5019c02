# A BLAS with cblas.h, and LAPACK, that stays on the calling thread: target SerialBLAS::BLAS.
# One rank is one core, so a threaded BLAS only gets in the way. Debian keeps serial OpenBLAS, which
# holds all three, in a directory of its own; elsewhere what FindLAPACK finds is taken (BLA_VENDOR
# chooses), and it is up to the builder that it is serial.
include(FindPackageHandleStandardArgs)

# The plain name without the suffix may be the threaded library: it must not be found here.
set(directories)
foreach(root IN LISTS CMAKE_PREFIX_PATH CMAKE_SYSTEM_LIBRARY_PATH CMAKE_SYSTEM_PREFIX_PATH)
  list(APPEND directories ${root}/${CMAKE_LIBRARY_ARCHITECTURE}
       ${root}/lib/${CMAKE_LIBRARY_ARCHITECTURE} ${root}/lib ${root}/lib64)
endforeach()
list(TRANSFORM directories APPEND /openblas-serial)
find_library(SerialBLAS_LIBRARY openblas PATHS ${directories} NO_DEFAULT_PATH)

set(SerialBLAS_LIBRARIES ${SerialBLAS_LIBRARY})
if(NOT SerialBLAS_LIBRARY)
  find_package(LAPACK QUIET)
  set(SerialBLAS_LIBRARIES ${LAPACK_LIBRARIES})
endif()
find_path(SerialBLAS_INCLUDE_DIR cblas.h
          PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-serial openblas-serial openblas)
mark_as_advanced(SerialBLAS_LIBRARY SerialBLAS_INCLUDE_DIR)

find_package_handle_standard_args(
  SerialBLAS
  REQUIRED_VARS SerialBLAS_LIBRARIES SerialBLAS_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "no BLAS with cblas.h and LAPACK (Debian package libopenblas-serial-dev)")

if(SerialBLAS_FOUND AND NOT TARGET SerialBLAS::BLAS)
  add_library(SerialBLAS::BLAS INTERFACE IMPORTED)
  target_include_directories(SerialBLAS::BLAS INTERFACE ${SerialBLAS_INCLUDE_DIR})
  target_link_libraries(SerialBLAS::BLAS INTERFACE ${SerialBLAS_LIBRARIES})
endif()
