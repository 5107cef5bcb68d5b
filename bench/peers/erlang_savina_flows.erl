%% The Savina programs that are pipelines, or a split and join of them. Protocols, sizes and checks
%% are those of bench/savina/NAME.cpp.
-module(erlang_savina_flows).
-export([run/3]).
-import(erlang_savina, [begin_inner/2, wait/0, results/1, sum/2, check/2, spawn_flooded/1, arrive/1,
                        report/2, leave/3]).
-import(erlang_savina_random, [hash31/1]).
-include("erlang_savina.hrl").

-define(RANDOM_LIMIT, 65536).

run(radixsort, Run, #{'N' := Count, 'M' := Limit, seed := Seed}) ->
    check(Limit > 1 andalso Limit band (Limit - 1) =:= 0, "the limit is a power of two"),
    Sorters = bits(Limit) - 1,
    Validation = spawn_flooded(fun() -> validation(Run, Count, Count, []) end),
    First = lists:foldl(
        fun(Bit, Next) -> spawn_flooded(fun() -> sorter(Run, Bit, Next, Count, Count, []) end) end,
        Validation, lists:seq(Sorters - 1, 0, -1)),
    Source = spawn(fun() -> number_source(Run, Count, min(Limit, ?RANDOM_LIMIT) - 1, Seed) end),
    begin_inner(Run, 1),
    ?SEND(Source, {next_actor, First}),
    wait(),
    {[{drawn, Drawn}], [{sorted, Sorted}]} =
        lists:partition(fun({Key, _}) -> Key =:= drawn end, results(2)),
    check(Sorted =:= lists:sort(Sorted), "all values come out in order"),
    check(lists:sum(Sorted) =:= Drawn, "what comes out is what went in"),
    #outcome{sent = Count * (Sorters + 1) + 1, actors = Sorters + 2,
             values = [{value_messages, sum(Run, sent) - 1}, {sum, Drawn}, {min, hd(Sorted)},
                       {max, lists:last(Sorted)}, {hash31_sorted, hash31(Sorted)}]};

run(filterbank, Run, #{columns := Columns, simulations := Simulations, channels := Channels}) ->
    check(Columns > 1, "there is something to delay"),
    Sink = spawn(fun() -> sink(Run, 0, 0, 0, 0, 0) end),
    Combine = spawn(fun() -> combine(Run, Sink, 0) end),
    Integrator = spawn(fun() -> integrator_start(Run, Combine, Channels) end),
    Branches = spawn(fun() -> branches_start(Run, Integrator, Columns, Channels) end),
    Producer = spawn(fun() -> producer(Run, Simulations, 0) end),
    Source = spawn(fun() -> signal_source(Run, Producer, Branches, 0, 0) end),
    begin_inner(Run, 1),
    ?SEND(Producer, {next, Source}),
    wait(),
    [{Count, Nonzero, {FirstIndex, First}, Last, Sum}] = results(1),
    %% A filter gives nothing until it is full.
    Filtered = max(0, Simulations - (Columns - 1)),
    Twice = max(0, Filtered - (Columns - 1)),
    check(Count =:= Twice, "as many values come out as the filters leave"),
    %% next, boot and the source's value; the way to the first filter; to the second; to the end.
    Values = 2 * Simulations + 1 + Simulations + Channels * 3 * Simulations +
        Channels * 3 * Filtered + Channels * 2 * Twice + 2 * Twice,
    %% To source and branches, down the banks, to combine and sink.
    Leaves = 2 + Channels * 8 + 2,
    #outcome{sent = Values + Leaves, actors = 6 + 7 * Channels,
             values = [{sink_values, Count}, {sum, Sum}, {first_nonzero_index, FirstIndex},
                       {first_nonzero, First}, {last, Last}, {nonzero, Nonzero}]}.

bits(0) -> 0;
bits(Number) -> 1 + bits(Number bsr 1).

%% -- radixsort

%% The limit may be more than there are numbers; then all pass the mask as they are.
number_source(Run, Count, Mask, Seed) ->
    receive {next_actor, First} -> ok end,
    Drawn = send_numbers(First, Count, Mask, Seed, 0),
    report(Run, {drawn, Drawn}),
    leave(Run, Count, 1).

send_numbers(_, 0, _, _, Drawn) -> Drawn;
send_numbers(First, Left, Mask, Random, Drawn) ->
    Next = ?NEXT_RANDOM(Random),
    ?SEND(First, {value, Next band Mask}),
    send_numbers(First, Left - 1, Mask, Next, Drawn + Next band Mask).

%% A shift, since the radix of the last bit would not be a small integer.
sorter(Run, _, Next, Count, 0, Held) ->
    [?SEND(Next, {value, Each}) || Each <- lists:reverse(Held)],
    leave(Run, Count, Count);
sorter(Run, Bit, Next, Count, Left, Held) ->
    receive
        {value, Value} when (Value bsr Bit) band 1 =:= 0 ->
            ?SEND(Next, {value, Value}),
            sorter(Run, Bit, Next, Count, Left - 1, Held);
        {value, Value} -> sorter(Run, Bit, Next, Count, Left - 1, [Value | Held])
    end.

validation(Run, Count, 0, Sorted) ->
    arrive(Run),
    report(Run, {sorted, lists:reverse(Sorted)}),
    leave(Run, 0, Count);
validation(Run, Count, Left, Sorted) ->
    receive {value, Value} -> validation(Run, Count, Left - 1, [Value | Sorted]) end.

%% -- filterbank, from its end to its begin

%% All values are whole numbers, which the published doubles hold exactly, and so do integers.
sink(Run, Count, Nonzero, First, Last, Sum) ->
    receive
        {value, 0} -> sink(Run, Count + 1, Nonzero, First, 0, Sum);
        {value, Value} when Nonzero =:= 0 ->
            sink(Run, Count + 1, 1, {Count, Value}, Value, Sum + Value);
        {value, Value} -> sink(Run, Count + 1, Nonzero + 1, First, Value, Sum + Value);
        leave ->
            report(Run, {Count, Nonzero, case First of 0 -> {0, 0}; _ -> First end, Last, Sum}),
            arrive(Run),
            leave(Run, 0, Count + 1)
    end.

combine(Run, Sink, Count) ->
    receive
        {collection, Values} ->
            ?SEND(Sink, {value, lists:sum(Values)}),
            combine(Run, Sink, Count + 1);
        leave -> ?SEND(Sink, leave), leave(Run, Count + 1, Count + 1)
    end.

%% A channel's values belong to one row after the other. Rows has those that are begun, by their
%% number; the first of them is the one that is filled next.
integrator_start(Run, Combine, Channels) ->
    integrator(Run, Combine, Channels, Channels, erlang:make_tuple(Channels, 0), 0, #{}, 0).

integrator(Run, Combine, Channels, Left, NextRows, First, Rows, Handled) ->
    receive
        {tagged_value, Channel, Value} ->
            At = element(Channel + 1, NextRows),
            Following = setelement(Channel + 1, NextRows, At + 1),
            {Count, Values} = maps:get(At, Rows, {0, []}),
            case Count + 1 of
                Channels ->
                    ?REQUIRE(Run, At =:= First, "rows are filled in order"),
                    ?SEND(Combine, {collection, [Value | Values]}),
                    integrator(Run, Combine, Channels, Left, Following, First + 1,
                               maps:remove(At, Rows), Handled + 1);
                More ->
                    integrator(Run, Combine, Channels, Left, Following, First,
                               Rows#{At => {More, [Value | Values]}}, Handled + 1)
            end;
        leave when Left > 1 ->
            integrator(Run, Combine, Channels, Left - 1, NextRows, First, Rows, Handled + 1);
        leave ->
            ?REQUIRE(Run, map_size(Rows) =:= 0, "each row is filled"),
            ?SEND(Combine, leave),
            leave(Run, First + 1, Handled + 1)
    end.

tagged_forward(Run, Channel, Next, Count) ->
    receive
        {value, Value} ->
            ?SEND(Next, {tagged_value, Channel, Value}),
            tagged_forward(Run, Channel, Next, Count + 1);
        leave -> ?SEND(Next, leave), leave(Run, Count + 1, Count + 1)
    end.

%% The suite's does not turn its buffer: values stand where they came, whatever their age. Here it
%% is four lists: of values and coefficients those before the place of the next value, backwards,
%% and those from there on. Until it is full the latter values are short.
fir_filter_start(Run, Next, Coefficients) ->
    fir_filter(Run, Next, [], [], [], lists:reverse(Coefficients), 0, 0).

fir_filter(Run, Next, Values, Used, Old, Unused, Sent, Handled) ->
    receive
        {value, Value} -> filter(Run, Next, [Value | Values], Used, Old, Unused, Sent, Handled + 1);
        leave -> ?SEND(Next, leave), leave(Run, Sent + 1, Handled + 1)
    end.

filter(Run, Next, Values, Used, _, [Coefficient], Sent, Handled) ->
    All = [Coefficient | Used],
    ?SEND(Next, {value, product(Values, All, 0)}),
    fir_filter(Run, Next, [], [], lists:reverse(Values), lists:reverse(All), Sent + 1, Handled);
filter(Run, Next, Values, Used, [], [Coefficient | Unused], Sent, Handled) ->
    fir_filter(Run, Next, Values, [Coefficient | Used], [], Unused, Sent, Handled);
filter(Run, Next, Values, Used, [_ | Old], [Coefficient | Unused], Sent, Handled) ->
    All = [Coefficient | Used],
    ?SEND(Next, {value, product(Values, All, product(Old, Unused, 0))}),
    fir_filter(Run, Next, Values, All, Old, Unused, Sent + 1, Handled).

product([V1, V2, V3, V4 | Values], [C1, C2, C3, C4 | Coefficients], Sum) ->
    product(Values, Coefficients, Sum + V1 * C1 + V2 * C2 + V3 * C3 + V4 * C4);
product([Value | Values], [Coefficient | Coefficients], Sum) ->
    product(Values, Coefficients, Sum + Value * Coefficient);
product([], [], Sum) -> Sum.

%% A queue of as many values as it delays; Back is turned round.
delay(Run, Next, [], Back, Count) -> delay(Run, Next, lists:reverse(Back), [], Count);
delay(Run, Next, [Oldest | Front], Back, Count) ->
    receive
        {value, Value} ->
            ?SEND(Next, {value, Oldest}),
            delay(Run, Next, Front, [Value | Back], Count + 1);
        leave -> ?SEND(Next, leave), leave(Run, Count + 1, Count + 1)
    end.

sample_filter(Run, Next, Rate, At, Count) ->
    receive
        {value, Value} ->
            ?SEND(Next, {value, case At of 0 -> Value; _ -> 0 end}),
            sample_filter(Run, Next, Rate, case At + 1 of Rate -> 0; More -> More end, Count + 1);
        leave -> ?SEND(Next, leave), leave(Run, Count + 1, Count + 1)
    end.

bank_start(Run, Last, Columns, Channels, J) ->
    First = [I * Columns + J * Channels + J + I + J + 1 || I <- lists:seq(0, Columns - 1)],
    Second = [I * J + J * J + J + I || I <- lists:seq(0, Columns - 1)],
    Zeros = lists:duplicate(Columns - 1, 0),
    Tagged = spawn(fun() -> tagged_forward(Run, J, Last, 0) end),
    SecondFilter = spawn(fun() -> fir_filter_start(Run, Tagged, Second) end),
    SecondDelay = spawn(fun() -> delay(Run, SecondFilter, Zeros, [], 0) end),
    Sampled = spawn(fun() -> sample_filter(Run, SecondDelay, Columns, 0, 0) end),
    FirstFilter = spawn(fun() -> fir_filter_start(Run, Sampled, First) end),
    bank(Run, spawn(fun() -> delay(Run, FirstFilter, Zeros, [], 0) end), 0).

bank(Run, First, Count) ->
    receive
        {value, _} = Value -> ?SEND(First, Value), bank(Run, First, Count + 1);
        leave -> ?SEND(First, leave), leave(Run, Count + 1, Count + 1)
    end.

branches_start(Run, Last, Columns, Channels) ->
    branches(Run, [spawn(fun() -> bank_start(Run, Last, Columns, Channels, J) end)
                   || J <- lists:seq(0, Channels - 1)], 0).

branches(Run, Banks, Count) ->
    receive
        {value, _} = Value ->
            lists:foreach(fun(Each) -> ?SEND(Each, Value) end, Banks),
            branches(Run, Banks, Count + 1);
        leave ->
            [?SEND(Each, leave) || Each <- Banks],
            leave(Run, (Count + 1) * length(Banks), Count + 1)
    end.

signal_source(Run, Producer, Next, Current, Count) ->
    receive
        boot ->
            ?SEND(Next, {value, Current}),
            ?SEND(Producer, {next, self()}),
            signal_source(Run, Producer, Next, (Current + 1) rem 1000, Count + 1);
        leave -> ?SEND(Next, leave), leave(Run, 2 * Count + 1, Count + 1)
    end.

producer(Run, 0, Count) ->
    receive {next, Source} -> ?SEND(Source, leave) end,
    leave(Run, Count + 1, Count + 1);
producer(Run, Left, Count) ->
    receive {next, Source} -> ?SEND(Source, boot) end,
    producer(Run, Left - 1, Count + 1).
