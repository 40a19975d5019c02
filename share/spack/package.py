# SPDX-License-Identifier: BSD-3-Clause
"""Notes for Spack: copy to a repository's packages/bevel/package.py. Not part of Spack's own."""

from spack.package import *


class Bevel(CMakePackage):
    """Distributed sparse regression and whole regularization paths, certified."""

    homepage = "https://bevel.invalid/"  # where the sources are kept
    license("BSD-3-Clause")

    version("0.1.0")  # add url= or git= of the place the sources come from

    variant("shared", default=True, description="Build a shared library")
    variant("tests", default=False, description="Build the tests")

    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("hdf5@1.10: +mpi ~threadsafe")
    depends_on("scalapack")
    depends_on("blas")  # one rank is one core: openblas threads=none
    depends_on("lapack")
    depends_on("inih")
    depends_on("random123")
    depends_on("cmocka", when="+tests")

    def cmake_args(self):
        return [
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define_from_variant("BVL_TESTS", "tests"),
        ]

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_install(self):
        Executable(self.prefix.bin.bevel)("--version")
