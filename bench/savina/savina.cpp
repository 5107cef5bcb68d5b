// savina: the 30 programs of the Savina suite on sluice, through its public headers.
#include "../harness/program_main.hpp"
#include "program.hpp"

int main(int count, char** texts) {
  return sluice::bench::run_programs("savina", savina::all_programs(), count, texts);
}
