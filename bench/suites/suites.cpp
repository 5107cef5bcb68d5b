// suites: programs of published actor suites beside Savina on sluice, through its public headers.
#include "../harness/program_main.hpp"
#include "program.hpp"

int main(int count, char** texts) {
  return sluice::bench::run_programs("suites", suites::all_programs(), count, texts);
}
