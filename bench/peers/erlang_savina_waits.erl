%% The Savina programs whose actors wait for each other: for an answer, a fork or a chair.
%% Protocols, sizes and checks are those of bench/savina/NAME.cpp.
%%
%% Who waits for an answer receives nothing else meanwhile, and what comes keeps its order: Erlang's
%% selective receive. The reference that the answer carries is made in the same function, so that
%% the machine looks only at what came after it.
-module(erlang_savina_waits).
-export([run/3]).
-import(erlang_savina, [expect_arrivals/2, begin_inner/2, wait/0, results/1, sum/2, check/2,
                        spawn_flooded/1, arrive/1, fail/2, report/2, leave/3, leave/4]).
-include("erlang_savina.hrl").

-define(FIRST_RATE, 3.46).
-define(STEP, 0.0025).                   % from series to series, of the rate and of the first term
-define(REFUSALS_IN_A_ROW_MAX, 5000000). % who is refused so often waits for ever
-define(TELLER_SEED, 123456).
-define(LARGEST, 1.7976931348623157e308).

run(philosopher, Run, #{'N' := Seats, 'M' := Meals}) ->
    check(Seats > 1, "there is a fork for each hand"),
    Arbitrator = spawn(fun() -> arbitrator_start(Run, Seats) end),
    All = [spawn(fun() -> philosopher(Run, Arbitrator, Seat, Meals, 0, 0, 0, 0) end)
           || Seat <- lists:seq(0, Seats - 1)],
    begin_inner(Run, Seats),
    [?SEND(Each, start) || Each <- All],
    wait(),
    {[{forks_taken, Taken}], Each} = lists:partition(fun({Key, _}) -> Key =:= forks_taken end,
                                                     results(Seats + 1)),
    {Eaten, Refusals} = lists:unzip(Each),
    check(lists:usort(Eaten) =:= [Meals], "each philosopher eats as often as all"),
    check(Taken =:= 0, "all forks are free at the end"),
    Refused = lists:sum(Refusals),
    #outcome{sent = 4 * Seats * Meals + Seats + 2 * Refused, actors = Seats + 1,
             values = [{meals, lists:sum(Eaten)}, {messages_fixed, sum(Run, sent) - 2 * Refused},
                       {forks_free, case Taken of 0 -> 1; _ -> 0 end}],
             notes = [{refusals, Refused}]};

run(barber, Run, #{'N' := Haircuts, 'W' := Seats, 'APR' := FactoryRate, 'AHR' := BarberRate}) ->
    Barber = spawn(fun() -> barber(Run, BarberRate, ?DEFAULT_SEED, 0, 0, 0) end),
    Room = spawn_flooded(fun() -> room_start(Run, Seats, Barber) end),
    Factory = spawn_flooded(fun() -> factory_start(Run, Haircuts, FactoryRate, Room) end),
    begin_inner(Run, 1),
    ?SEND(Factory, start),
    wait(),
    #{factory := {Attempts, Done, FactoryDraws}, room := {Most, Sleeps, Wakes, Nexts},
      barber := {Cuts, BarberDraws}} = maps:from_list(results(3)),
    check(Done =:= Haircuts andalso Cuts =:= Haircuts, "each customer's hair is cut once"),
    check(Attempts >= Haircuts, "each customer tries"),
    check(Most =< Seats, "no more wait than there are seats"),
    %% An attempt is an enter and, unless it is the customer's last, a full and a returned. A
    %% haircut is enter, start, done, next, done, and before it a wait or the room's own next.
    Refused = Attempts - Haircuts,
    #outcome{sent = Attempts + 2 * Refused + 6 * Haircuts + Sleeps + 3,
             lost = Haircuts + Wakes - Nexts, actors = Haircuts + 3,
             values = [{haircuts, Done}, {busywait_draws_barber, BarberDraws},
                       {busywait_draws_factory, FactoryDraws},
                       {attempts_at_least, min(Attempts, Haircuts)}, {max_queue, max(Most, Seats)}],
             notes = [{attempts, Attempts}, {sleeps, Sleeps}]};

run(logmap, Run, #{terms := Terms, series := Count}) ->
    Master = spawn(fun() -> master_start(Run, Terms, Count) end),
    begin_inner(Run, 1),
    ?SEND(Master, start),
    wait(),
    {[{sum, Sum}], Series} = lists:partition(fun({Key, _}) -> Key =:= sum end, results(Count + 1)),
    Wanted = [{I, iterated(rate_of(I), I * ?STEP, Terms)} || I <- lists:seq(0, Count - 1)],
    Got = lists:sort(Series),
    check(Got == Wanted, "each series has the terms of its map"),
    All = lists:sum([Term || {_, Term} <- Wanted]),
    check(abs(Sum - All) =< 1.0e-12 * All, "the master hears of each term"),
    #outcome{sent = 3 * Terms * Count + 4 * Count + 1, actors = 1 + 2 * Count,
             values = [{terms, [Term || {_, Term} <- Got], {relative, 1.0e-9}},
                       {sum, Sum, {relative, 1.0e-9}}]};

run(banking, Run, #{'A' := Accounts, 'N' := Transfers}) ->
    check(Accounts >= 10, "there are 10 accounts or more"),
    expect_arrivals(Run, Accounts),
    Teller = spawn_flooded(fun() -> teller_start(Run, Accounts, Transfers) end),
    begin_inner(Run, 1),
    ?SEND(Teller, start),
    wait(),
    {[{first, First}], Tallies} = lists:partition(fun({Key, _}) -> Key =:= first end,
                                                  results(Accounts + 1)),
    Sum = fun(Of) -> lists:sum([Of(I, T) || {I, T} <- Tallies]) end,
    Credits = Sum(fun(_, {C, _, _, _}) -> C end),
    Debits = Sum(fun(_, {_, D, _, _}) -> D end),
    Credited = Sum(fun(_, {_, _, C, _}) -> C end),
    Debited = Sum(fun(_, {_, _, _, D}) -> D end),
    check({Credits, Debits} =:= {Transfers, Transfers}, "each transfer is a credit and a debit"),
    check(abs(Credited - Debited) =< 1.0e-9 * Credited,
          "what is taken from one is given to another"),
    #outcome{sent = 4 * Transfers + Accounts + 1, actors = Accounts + 1,
             values = [{first3, First, {relative, 1.0e-12}},
                       {sum_amounts, Credited, {relative, 1.0e-9}},
                       {sum_src_plus_3dst, Sum(fun(I, {C, D, _, _}) -> I * (C + 3 * D) end)},
                       {credits, Credits}, {debits, Debits},
                       {weighted_credits, Sum(fun(I, {C, _, _, _}) -> (I + 1) * C end)},
                       {weighted_debits, Sum(fun(I, {_, D, _, _}) -> (I + 1) * D end)},
                       {messages_min, sum(Run, sent) - Accounts - 1}]}.

%% -- philosopher

%% Forks and who eats are bits. The seats' two forks, and their neighbours, are worked out once.
arbitrator_start(Run, Seats) ->
    Bits = [begin
                Right = (Seat + 1) rem Seats,
                Left = (Seat + Seats - 1) rem Seats,
                {(1 bsl Seat) bor (1 bsl Right), (1 bsl Left) bor (1 bsl Right)}
            end || Seat <- lists:seq(0, Seats - 1)],
    arbitrator(Run, list_to_tuple(Bits), 0, 0, Seats, 0, 0).

arbitrator(Run, Bits, Taken, Eating, Missing, Hungry, Others) ->
    receive
        {hungry, From, Seat} ->
            {Forks, Neighbours} = element(Seat + 1, Bits),
            case Taken band Forks of
                0 ->
                    ?REQUIRE(Run, Eating band Neighbours =:= 0, "no two neighbours eat"),
                    ?SEND(From, eat),
                    arbitrator(Run, Bits, Taken bor Forks, Eating bor (1 bsl Seat), Missing,
                               Hungry + 1, Others);
                _ ->
                    ?SEND(From, denied),
                    arbitrator(Run, Bits, Taken, Eating, Missing, Hungry + 1, Others)
            end;
        {done, Seat} ->
            {Forks, _} = element(Seat + 1, Bits),
            ?REQUIRE(Run, Eating band (1 bsl Seat) =/= 0, "who is done has eaten"),
            ?REQUIRE(Run, Taken band Forks =:= Forks, "who eats has both forks"),
            arbitrator(Run, Bits, Taken bxor Forks, Eating bxor (1 bsl Seat), Missing, Hungry,
                       Others + 1);
        leave when Missing > 1 ->
            arbitrator(Run, Bits, Taken, Eating, Missing - 1, Hungry, Others + 1);
        leave ->
            report(Run, {forks_taken, Taken}),
            arrive(Run),
            leave(Run, Hungry, Hungry + Others + 1)
    end.

philosopher(Run, Other, Seat, Meals, Eaten, Refusals, InARow, Starts) ->
    receive
        start ->
            ?SEND(Other, {hungry, self(), Seat}),
            philosopher(Run, Other, Seat, Meals, Eaten, Refusals, InARow, Starts + 1);
        denied when InARow < ?REFUSALS_IN_A_ROW_MAX ->
            ?SEND(Other, {hungry, self(), Seat}),
            philosopher(Run, Other, Seat, Meals, Eaten, Refusals + 1, InARow + 1, Starts);
        denied -> fail(Run, "a fork is never put down");
        eat when Eaten + 1 < Meals ->
            ?SEND(Other, {done, Seat}),
            ?SEND(self(), start),
            philosopher(Run, Other, Seat, Meals, Eaten + 1, Refusals, 0, Starts);
        eat ->
            ?SEND(Other, {done, Seat}),
            ?SEND(Other, leave),
            report(Run, {Eaten + 1, Refusals}),
            leave(Run, Starts + Refusals + 2 * (Eaten + 1), Starts + Refusals + Eaten + 1)
    end.

%% -- barber

barber(Run, Rate, Random, Draws, Cuts, Waits) ->
    receive
        {enter, Customer, Room} ->
            ?SEND(Customer, start),
            Drawn = ?NEXT_RANDOM(Random),
            Waited = erlang_savina_random:busy_wait(Drawn rem Rate + 10),
            ?SEND(Customer, done),
            ?SEND(Room, next),
            barber(Run, Rate, Drawn, Draws + Waited, Cuts + 1, Waits);
        wait -> barber(Run, Rate, Random, Draws, Cuts, Waits + 1);
        leave ->
            report(Run, {barber, {Cuts, Draws}}),
            arrive(Run),
            leave(Run, 3 * Cuts, Cuts + Waits + 1)
    end.

-record(room, {run, seats, barber, most = 0, sleeps = 0, wakes = 0, nexts = 0, enters = 0}).

room_start(Run, Seats, Barber) ->
    room(#room{run = Run, seats = Seats, barber = Barber}, true, 0, [], []).

%% Front and Back, which is turned round, are the Length customers that wait.
room(Room, IsAsleep, Length, Front, Back) ->
    receive
        {enter, Customer, _} when Length =:= Room#room.seats ->
            ?SEND(Customer, full),
            room(Room#room{enters = Room#room.enters + 1}, IsAsleep, Length, Front, Back);
        {enter, Customer, _} when IsAsleep ->
            ?SEND(self(), next),
            Entered = entered(Room, Length + 1),
            room(Entered#room{wakes = Room#room.wakes + 1}, false, Length + 1, Front,
                 [Customer | Back]);
        {enter, Customer, _} ->
            ?SEND(Customer, wait),
            room(entered(Room, Length + 1), false, Length + 1, Front, [Customer | Back]);
        next when Length =:= 0 ->
            ?SEND(Room#room.barber, wait),
            Slept = Room#room{nexts = Room#room.nexts + 1, sleeps = Room#room.sleeps + 1},
            room(Slept, true, 0, [], []);
        next ->
            {First, Rest, Behind} = take_first(Front, Back),
            ?SEND(Room#room.barber, {enter, First, self()}),
            room(Room#room{nexts = Room#room.nexts + 1}, IsAsleep, Length - 1, Rest, Behind);
        leave ->
            ?SEND(Room#room.barber, leave),
            #room{run = Run, most = Most, sleeps = Sleeps, wakes = Wakes, nexts = Nexts,
                  enters = Enters} = Room,
            report(Run, {room, {Most, Sleeps, Wakes, Nexts}}),
            leave(Run, Enters + Nexts + 1, Enters + Nexts + 1, [next])
    end.

entered(Room, Length) ->
    Room#room{enters = Room#room.enters + 1, most = max(Room#room.most, Length)}.

take_first([First | Front], Back) -> {First, Front, Back};
take_first([], Back) -> take_first(lists:reverse(Back), []).

%% On one thread each haircut takes a try of everybody outside.
attempts_max(Haircuts) -> 4 * Haircuts * Haircuts + 10000000.

factory_start(Run, Haircuts, Rate, Room) ->
    receive start -> ok end,
    Draws = make_customers(Run, Haircuts, Rate, Room, ?DEFAULT_SEED, 0),
    factory(Run, Haircuts, Room, attempts_max(Haircuts), Haircuts, 0, Draws).

make_customers(_, 0, _, _, _, Draws) -> Draws;
make_customers(Run, Left, Rate, Room, Random, Draws) ->
    Factory = self(),
    ?SEND(Room, {enter, spawn(fun() -> customer(Run, Factory, 0, 0) end), Room}),
    Drawn = ?NEXT_RANDOM(Random),
    Waited = erlang_savina_random:busy_wait(Drawn rem Rate + 10),
    make_customers(Run, Left - 1, Rate, Room, Drawn, Draws + Waited).

factory(Run, Haircuts, Room, Max, Attempts, Done, Draws) ->
    receive
        {returned, _} when Attempts =:= Max -> fail(Run, "too many attempts: no hair is cut");
        {returned, Customer} ->
            ?SEND(Room, {enter, Customer, Room}),
            factory(Run, Haircuts, Room, Max, Attempts + 1, Done, Draws);
        done when Done + 1 =:= Haircuts ->
            ?SEND(Room, leave),
            report(Run, {factory, {Attempts, Done + 1, Draws}}),
            leave(Run, Attempts + 1, 1 + (Attempts - Haircuts) + Haircuts);
        done -> factory(Run, Haircuts, Room, Max, Attempts, Done + 1, Draws)
    end.

customer(Run, Factory, Fulls, Others) ->
    receive
        full -> ?SEND(Factory, {returned, self()}), customer(Run, Factory, Fulls + 1, Others);
        done -> ?SEND(Factory, done), leave(Run, Fulls + 1, Fulls + Others + 1);
        _ -> customer(Run, Factory, Fulls, Others + 1)
    end.

%% -- logmap

rate_of(Series) -> ?FIRST_RATE + Series * ?STEP.
%% That both are floats is for erlc, which then computes without looking at each.
following(Rate, Term) when is_float(Rate), is_float(Term) -> Rate * Term * (1.0 - Term).

iterated(_, Term, 0) -> Term;
iterated(Rate, Term, Left) -> iterated(Rate, following(Rate, Term), Left - 1).

master_start(Run, Terms, Count) ->
    All = [begin
               Computer = spawn(fun() -> rate_computer(Run, rate_of(I), 0) end),
               spawn_flooded(fun() -> series(Run, I, Computer, I * ?STEP, 0) end)
           end || I <- lists:seq(0, Count - 1)],
    receive start -> ok end,
    ask_for_terms(All, Terms),
    Me = self(),
    [?SEND(Each, {get_term, Me}) || Each <- All],
    Sum = lists:sum([receive {last_term, Term} -> Term end || _ <- All]),
    [?SEND(Each, stop) || Each <- All],
    report(Run, {sum, Sum}),
    arrive(Run),
    leave(Run, (Terms + 2) * Count, 1 + Count).

ask_for_terms(_, 0) -> ok;
ask_for_terms(All, Left) ->
    lists:foreach(fun(Each) -> ?SEND(Each, next_term) end, All),
    ask_for_terms(All, Left - 1).

series(Run, Index, Computer, Term, Terms) ->
    receive
        next_term ->
            Tag = make_ref(),
            ?SEND(Computer, {compute, self(), Tag, Term}),
            receive {Tag, Next} -> series(Run, Index, Computer, Next, Terms + 1) end;
        {get_term, From} ->
            ?SEND(From, {last_term, Term}),
            receive stop -> ?SEND(Computer, stop) end,
            report(Run, {Index, Term}),
            leave(Run, Terms + 2, 2 * Terms + 2)
    end.

rate_computer(Run, Rate, Count) ->
    receive
        {compute, From, Tag, Term} ->
            ?SEND(From, {Tag, following(Rate, Term)}),
            rate_computer(Run, Rate, Count + 1);
        stop -> leave(Run, Count, Count + 1)
    end.

%% -- banking

%% A balance is so large at first that amounts do not show, hence the tally.
teller_start(Run, Accounts, Transfers) ->
    Balance = ?LARGEST / (Accounts * Transfers),
    All = [spawn_flooded(fun() -> account(Run, I, Balance, {0, 0, 0.0, 0.0}) end)
           || I <- lists:seq(0, Accounts - 1)],
    receive start -> ok end,
    order(list_to_tuple(All), Accounts, Transfers, ?TELLER_SEED, Run, []),
    await_settled(Transfers),
    [?SEND(Each, stop) || Each <- All],
    leave(Run, Transfers + Accounts, 1 + Transfers).

%% Always upwards, so no circle of accounts waits. The first three are reported.
order(_, _, 0, _, Run, First) -> report(Run, {first, lists:reverse(First)});
order(All, Accounts, Left, Random, Run, First) ->
    One = ?NEXT_RANDOM(Random),
    Two = ?NEXT_RANDOM(One),
    Three = ?NEXT_RANDOM(Two),
    From = One rem (Accounts div 10 * 8),
    To = From + max(1, Two rem (Accounts - From)),
    Amount = 1 / (Three + 1) * 1000,
    ?SEND(element(From + 1, All), {credit, Amount, self(), element(To + 1, All)}),
    order(All, Accounts, Left - 1, Three, Run,
          case First of [_, _, _, _, _, _, _, _, _] -> First; _ -> [Amount, To, From | First] end).

await_settled(0) -> ok;
await_settled(Left) -> receive settled -> await_settled(Left - 1) end.

account(Run, Index, Balance, {Credits, Debits, Credited, Debited} = Tally) ->
    receive
        {credit, Amount, Teller, To} ->
            Tag = make_ref(),
            ?SEND(To, {debit, Amount, self(), Tag}),
            receive {Tag, done} -> ?SEND(Teller, settled) end,
            Taken = {Credits + 1, Debits, Credited + Amount, Debited},
            account(Run, Index, Balance - Amount, Taken);
        {debit, Amount, From, Tag} ->
            ?SEND(From, {Tag, done}),
            Given = {Credits, Debits + 1, Credited, Debited + Amount},
            account(Run, Index, Balance + Amount, Given);
        stop ->
            report(Run, {Index, Tally}),
            arrive(Run),
            leave(Run, 2 * Credits + Debits, 2 * Credits + Debits + 1)
    end.
