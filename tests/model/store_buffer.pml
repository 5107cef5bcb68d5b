// store_buffer: memory as x86 has it (TSO): each thread's plain stores wait in a buffer of its own.
//
// A thread sees its own stores at once, others see them in order once they left the buffer, which
// `memory_system` lets happen at any time. A read-modify-write waits until the buffer is empty; a
// heavy barrier waits until another thread's was. THREADS and ADDRESSES are the including model's.

#ifndef BUFFER_DEPTH
#define BUFFER_DEPTH 3
#endif

typedef store_buffer {
  byte address[BUFFER_DEPTH];
  byte value[BUFFER_DEPTH];
  byte count;
};

byte memory[ADDRESSES];
store_buffer pending[THREADS];

// A plain store: relaxed or release.
inline store(thread, where, what) {
  atomic {
    pending[thread].count < BUFFER_DEPTH ->
    pending[thread].address[pending[thread].count] = where;
    pending[thread].value[pending[thread].count] = what;
    pending[thread].count++
  }
}

// A plain load: relaxed or acquire. `step` is a byte of the caller's, 0 before and after.
inline load(thread, where, step, result) {
  d_step {
    result = memory[where];
    do
    :: step < pending[thread].count ->
       if
       :: pending[thread].address[step] == where -> result = pending[thread].value[step]
       :: else
       fi;
       step++
    :: else -> break
    od;
    step = 0
  }
}

// Read-modify-writes; what was there goes to `before`.
inline add(thread, where, what) {
  atomic { pending[thread].count == 0 -> memory[where] = memory[where] + what }
}
inline exchange(thread, where, what, before) {
  atomic { pending[thread].count == 0 -> before = memory[where]; memory[where] = what }
}
inline compare_exchange(thread, where, expected, what, is_done) {
  atomic {
    pending[thread].count == 0 ->
    is_done = (memory[where] == expected);
    if :: is_done -> memory[where] = what :: else fi
  }
}

inline wait_for_buffer_of(thread) { pending[thread].count == 0 }

inline write_oldest(thread, step) {
  atomic {
    pending[thread].count > 0 ->
    memory[pending[thread].address[0]] = pending[thread].value[0];
    pending[thread].count--;
    do
    :: step < pending[thread].count ->
       pending[thread].address[step] = pending[thread].address[step + 1];
       pending[thread].value[step] = pending[thread].value[step + 1];
       step++
    :: else -> break
    od;
    pending[thread].address[step] = 0;
    pending[thread].value[step] = 0;
    step = 0
  }
}

// One for each thread.
proctype memory_system(byte thread) {
  byte step;
end_written:
  do
  :: write_oldest(thread, step)
  od
}
