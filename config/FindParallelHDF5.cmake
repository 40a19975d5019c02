# Parallel HDF5 (C API, built with MPI-IO): imported target ParallelHDF5::HDF5. pkg-config first,
# then CMake's own module (which asks h5pcc).
include(FindPackageHandleStandardArgs)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_search_module(ParallelHDF5_PC QUIET IMPORTED_TARGET hdf5-openmpi hdf5-mpi hdf5-mpich)
endif()

if(TARGET PkgConfig::ParallelHDF5_PC)
  set(ParallelHDF5_VERSION ${ParallelHDF5_PC_VERSION})
  set(ParallelHDF5_PC_MODULE ${ParallelHDF5_PC_MODULE_NAME})
  set(ParallelHDF5_LIBRARY PkgConfig::ParallelHDF5_PC)
else()
  set(HDF5_PREFER_PARALLEL TRUE)
  find_package(HDF5 QUIET COMPONENTS C)
  if(HDF5_FOUND AND HDF5_IS_PARALLEL)
    set(ParallelHDF5_VERSION ${HDF5_VERSION})
    set(ParallelHDF5_LIBRARY hdf5::hdf5)
  endif()
endif()

find_package_handle_standard_args(
  ParallelHDF5
  REQUIRED_VARS ParallelHDF5_LIBRARY
  VERSION_VAR ParallelHDF5_VERSION
  REASON_FAILURE_MESSAGE
    "no HDF5 with MPI-IO found (Debian package libhdf5-openmpi-dev, elsewhere put h5pcc in PATH)")

if(ParallelHDF5_FOUND AND NOT TARGET ParallelHDF5::HDF5)
  add_library(ParallelHDF5::HDF5 INTERFACE IMPORTED)
  target_link_libraries(ParallelHDF5::HDF5 INTERFACE ${ParallelHDF5_LIBRARY})
endif()
