#include "tests/shim/opencl_fixture.h"

const bool sluice::test::memory_in_arena = false;
