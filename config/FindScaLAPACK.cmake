# ScaLAPACK for this MPI: imported target ScaLAPACK::ScaLAPACK. pkg-config first, then the bare
# library (on CMAKE_PREFIX_PATH and in the system). Debian's own CMake package is not asked: it
# names a file that is not there.
include(FindPackageHandleStandardArgs)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_search_module(ScaLAPACK_PC QUIET IMPORTED_TARGET scalapack-openmpi scalapack-mpich scalapack)
endif()

if(TARGET PkgConfig::ScaLAPACK_PC)
  set(ScaLAPACK_LIBRARIES PkgConfig::ScaLAPACK_PC)
  set(ScaLAPACK_PC_MODULE ${ScaLAPACK_PC_MODULE_NAME})
else()
  find_library(ScaLAPACK_LIBRARY NAMES scalapack scalapack-openmpi scalapack-mpich)
  mark_as_advanced(ScaLAPACK_LIBRARY)
  if(ScaLAPACK_LIBRARY)
    set(ScaLAPACK_LIBRARIES ${ScaLAPACK_LIBRARY})
  endif()
endif()

find_package_handle_standard_args(
  ScaLAPACK REQUIRED_VARS ScaLAPACK_LIBRARIES
  REASON_FAILURE_MESSAGE "no ScaLAPACK found (Debian package libscalapack-openmpi-dev)")

if(ScaLAPACK_FOUND AND NOT TARGET ScaLAPACK::ScaLAPACK)
  add_library(ScaLAPACK::ScaLAPACK INTERFACE IMPORTED)
  target_link_libraries(ScaLAPACK::ScaLAPACK INTERFACE ${ScaLAPACK_LIBRARIES})
endif()
