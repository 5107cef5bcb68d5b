// Relacy, without the macros that its own header of everything defines (new, delete, free, $): what
// the code under test calls by these names it means.
#pragma once

#include <relacy/base.hpp>
//
#include <relacy/context.hpp>
//
#include <relacy/atomic.hpp>
#include <relacy/atomic_fence.hpp>
#include <relacy/backoff.hpp>
#include <relacy/context_base_impl.hpp>
#include <relacy/stdlib/condition_variable.hpp>
#include <relacy/stdlib/event.hpp>
#include <relacy/stdlib/mutex.hpp>
#include <relacy/stdlib/semaphore.hpp>
#include <relacy/test_suite.hpp>
#include <relacy/var.hpp>
#undef $
