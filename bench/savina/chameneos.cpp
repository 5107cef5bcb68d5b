// chameneos: many actors contend for the mailbox of one. Chameneos meet in pairs at a mall and
// change their colours.
//
//   mall creates the chameneos; each --meet colour--> mall
//   mall --meet colour of the second--> the first, which takes its new colour
//   the first --change colour--> the second; both --meet colour--> mall
//   mall --fade--> chameneo --meeting_count--> mall     when all meetings have been
//
// The driver sends nothing: it makes the mall, and everybody begins while being started.
#include "program.hpp"

#include <algorithm>

namespace savina {

namespace {

enum class colour : std::uint8_t { red, yellow, blue, faded };

constexpr colour complement(colour own, colour other) noexcept {
  if (own == other) return own;
  if (own == colour::faded || other == colour::faded) return colour::faded;
  return static_cast<colour>(3 - static_cast<int>(own) - static_cast<int>(other));
}
static_assert(complement(colour::red, colour::blue) == colour::yellow);
static_assert(complement(colour::blue, colour::yellow) == colour::red);
static_assert(complement(colour::yellow, colour::red) == colour::blue);

struct meet {
  sluice::pid who;
  savina::colour colour;
};
void spoil(meet& message) { message.who = {}; }
struct change {
  savina::colour colour;
};
void spoil(change& message) { message.colour = colour::faded; }
struct fade {};
struct meeting_count {
  std::uint64_t meetings;
};
void spoil(meeting_count& message) { ++message.meetings; }

struct outcome {
  std::uint64_t sum = 0;
  std::uint64_t faded = 0;
  std::vector<std::uint64_t> meetings{};  // of each chameneo
};

struct mall : player<mall, meet, meeting_count> {
  mall(outcome& left, std::uint64_t meetings) : outcome_(left), left_(meetings) {}

  void on_start();

  void on(const meet& one) {
    if (left_ == 0) return send(one.who, fade{});
    if (!waiting_) {
      waiting_ = one.who;
      return;
    }
    --left_;
    send(*std::exchange(waiting_, std::nullopt), one);
  }
  void on(const meeting_count& one) {
    outcome_.sum += one.meetings;
    if (++outcome_.faded != outcome_.meetings.size()) return;
    exit();
    arrive();
  }

  outcome& outcome_;
  std::uint64_t left_;
  std::optional<sluice::pid> waiting_{};
};

struct chameneo : player<chameneo, meet, change, fade> {
  chameneo(std::uint64_t& own, sluice::pid place, savina::colour first)
      : own_(own), mall_(place), colour_(first) {}

  void on_start() { go_to_mall(); }

  void on(const meet& partner) {
    take(complement(colour_, partner.colour));
    send(partner.who, change{colour_});
    go_to_mall();
  }
  void on(const change& partner) {
    take(partner.colour);
    go_to_mall();
  }
  void on(fade) {
    colour_ = colour::faded;
    own_ = meetings_;
    send(mall_, meeting_count{meetings_});
    exit();
  }

  void take(savina::colour other) {
    require(other != colour::faded, "who has faded meets nobody");
    colour_ = other;
    ++meetings_;
  }
  void go_to_mall() { send(mall_, meet{self(), colour_}); }

  std::uint64_t& own_;
  std::uint64_t meetings_ = 0;
  sluice::pid mall_;
  savina::colour colour_;
};

void mall::on_start() {
  for (std::size_t i = 0; i < outcome_.meetings.size(); ++i) {
    static_cast<void>(create<chameneo>(outcome_.meetings[i], self(), static_cast<colour>(i % 3)));
  }
}

void run_chameneos(iteration& it) {
  const std::uint64_t chameneos = it.parameter("chameneos");
  const std::uint64_t meetings = it.parameter("meetings");
  outcome& left = it.keep<outcome>();
  left.meetings.resize(chameneos);
  it.begin_inner();
  static_cast<void>(it.spawn<mall>(left, meetings));
  it.wait();
  std::uint64_t sum = 0;
  for (const std::uint64_t each : left.meetings) sum += each;
  it.check_that(left.sum == 2 * meetings && sum == left.sum, "each meeting is counted by two");
  it.check_that(left.faded == chameneos, "each chameneo fades once");
  it.check("sum_meetings", left.sum);
  it.check("faded", left.faded);
  it.check_messages(4 * meetings + 3 * chameneos);
  it.check("messages", it.sums().sent);
  const auto [fewest, most] = std::ranges::minmax(left.meetings);
  it.note("fewest meetings of one", static_cast<double>(fewest));
  it.note("most meetings of one", static_cast<double>(most));
}

}  // namespace

constinit const program chameneos{
    "chameneos",
    "creatures meet in pairs at a mall",
    bound::by_messages,
    {{"chameneos", 100, 100, 100}, {"meetings", 200'000, 40'000, 2'000}},
    &run_chameneos};

}  // namespace savina
