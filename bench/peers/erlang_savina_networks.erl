%% The Savina programs whose actors are laid out once and then hear each other: a sorting network
%% and a grid. Protocols, sizes and checks are those of bench/savina/NAME.cpp.
-module(erlang_savina_networks).
-export([run/3]).
-import(erlang_savina, [begin_inner/2, wait/0, results/1, sum/2, check/2, arrive/1, report/2,
                        leave/3, leave/4]).
-import(erlang_savina_random, [hash31/1, java/1, java_double/1]).
-include("erlang_savina.hrl").

-define(OMEGA, 1.25).
-define(GRID_SEED, 10101010).
-define(SCALE, 1.0e-6).

run(bitonicsort, Run, #{'N' := Size, seed := Seed}) ->
    check(Size >= 2 andalso Size band (Size - 1) =:= 0, "N is a power of 2"),
    Validation = spawn(fun() -> validation(Run, [], 0) end),
    Adapter = spawn(fun() -> forward(Run, Validation, 0) end),
    Kernel = spawn(fun() -> kernel(Run, Size, Adapter) end),
    Source = spawn(fun() -> source(Run, Kernel, Size, Seed) end),
    begin_inner(Run, 1),
    ?SEND(Source, start),
    wait(),
    [Output] = results(1),
    check(Output =:= lists:sort(numbers(Size, Seed)), "what comes out is what went in, in order"),
    {Actors, Messages} = count_network(Size),
    #outcome{sent = Messages, actors = Actors,
             values = [{actors, sum(Run, ended)}, {sum, lists:sum(Output)}, {min, hd(Output)},
                       {max, lists:last(Output)}, {hash31_sorted, hash31(Output)}]};

run(sor, Run, #{n := Side, iters := Iterations}) ->
    check(Side >= 2 andalso Iterations >= 2,
          "both halves have cells, and both colours are computed"),
    Grid = list_to_tuple(first_values(Side * Side, java(?GRID_SEED))),
    Runner = spawn(fun() -> runner(Run, Side, Iterations, Grid) end),
    begin_inner(Run, 1),
    ?SEND(Runner, boot),
    wait(),
    [Total] = results(1),
    Wanted = lists:sum(tuple_to_list(relaxed_grid(Grid, Side, Iterations))),
    check(abs(Total - Wanted) =< 1.0e-9 * abs(Wanted),
          "the sum of the grid is that of the same without actors"),
    Cells = Side * Side,
    Pairs = 2 * Side * (Side - 1),
    %% Boot twice, border, the peer's result; a start and a result for each cell. The last values of
    %% the cells that do not begin find cells that have ended.
    #outcome{sent = 4 + 2 * Cells + 2 * Pairs * Iterations, lost = Pairs, actors = Cells + 2,
             values = [{gTotal, Total, {absolute, 1.0e-12}}, {actors, sum(Run, ended) - 2}]}.

%% -- bitonicsort

validation(Run, Numbers, Count) ->
    receive
        {value, Number} -> validation(Run, [Number | Numbers], Count + 1);
        finish ->
            arrive(Run),
            report(Run, lists:reverse(Numbers)),
            leave(Run, 0, Count + 1)
    end.

source(Run, Kernel, Size, Seed) ->
    receive start -> ok end,
    lists:foreach(fun(Number) -> ?SEND(Kernel, {value, Number}) end, numbers(Size, Seed)),
    ?SEND(Kernel, finish),
    leave(Run, Size + 1, 1).

numbers(0, _) -> [];
numbers(Left, Random) ->
    Next = ?NEXT_RANDOM(Random),
    [Next | numbers(Left - 1, Next)].

%% An adapter; and what kernel, stages, steps and partitions do when they have made what is in them.
forward(Run, Next, Count) ->
    receive
        {value, _} = Value -> ?SEND(Next, Value), forward(Run, Next, Count + 1);
        finish -> ?SEND(Next, finish), leave(Run, Count + 1, Count + 1)
    end.

kernel(Run, Size, Last) -> forward(Run, stages(Run, Size, Size, Last), 0).

stages(_, _, 1, Next) -> Next;
stages(Run, Size, Length, Next) ->
    stages(Run, Size, Length div 2, spawn(fun() -> merge_stage(Run, Size, Length, Next) end)).

merge_stage(Run, Size, Length, Next) -> forward(Run, steps(Run, Size, Length, 2, Next), 0).

steps(_, _, Stage, Length, Next) when Length > Stage -> Next;
steps(Run, Size, Stage, Length, Next) ->
    steps(Run, Size, Stage, 2 * Length, spawn(fun() -> step(Run, Size, Stage, Length, Next) end)).

%% The last stage has no adapters.
step(Run, Size, Size, Length, Next) -> split(Run, Size, Size, Length, Next);
step(Run, Size, Stage, Length, Next) ->
    split(Run, Size, Stage, Length, spawn(fun() -> forward(Run, Next, 0) end)).

split(Run, Size, Stage, Length, Next) ->
    Workers = Size div Length,
    Joiner = spawn(fun() -> joiner_start(Run, Length, Workers, Next) end),
    All = [spawn(fun() -> worker(Run, Length, Input, direction(Stage, Length, Input), Joiner) end)
           || Input <- lists:seq(0, Workers - 1)],
    forward(Run, spawn(fun() -> splitter_start(Run, Length, All) end), 0).

%% Stages leave runs that go up and down in turn; the last one has a single run.
direction(Stage, Length, Worker) ->
    case Worker div (Stage div Length) rem 2 of
        0 -> up;
        1 -> down
    end.

worker(Run, 2, Input, Direction, Next) -> compare_exchange(Run, Input, Direction, Next, 0);
worker(Run, Length, Input, Direction, Next) ->
    Numberer = spawn(fun() -> numberer(Run, Input, Next, 0) end),
    Joiner = spawn(fun() -> joiner_start(Run, 1, Length div 2, Numberer) end),
    All = [spawn(fun() -> compare_exchange(Run, Each, Direction, Joiner, 0) end)
           || Each <- lists:seq(0, Length div 2 - 1)],
    forward(Run, spawn(fun() -> splitter_start(Run, 1, All) end), 0).

numberer(Run, Input, Next, Count) ->
    receive
        {value, Number} ->
            ?SEND(Next, {item, Input, Number}),
            numberer(Run, Input, Next, Count + 1);
        finish -> ?SEND(Next, finish), leave(Run, Count + 1, Count + 1)
    end.

compare_exchange(Run, Input, Direction, Next, Count) ->
    receive
        {value, One} ->
            receive {value, Other} -> ok end,
            {First, Second} = case (One =< Other) =:= (Direction =:= up) of
                true -> {One, Other};
                false -> {Other, One}
            end,
            ?SEND(Next, {item, Input, First}),
            ?SEND(Next, {item, Input, Second}),
            compare_exchange(Run, Input, Direction, Next, Count + 2);
        finish -> ?SEND(Next, finish), leave(Run, Count + 1, Count + 1)
    end.

%% Whose turn it is comes first; each has Length values.
splitter_start(Run, Length, All) -> splitter(Run, Length, All, All, Length, 0).

splitter(Run, Length, All, Turn, 0, Count) ->
    case Turn of
        [_] -> splitter(Run, Length, All, All, Length, Count);
        [_ | Rest] -> splitter(Run, Length, All, Rest, Length, Count)
    end;
splitter(Run, Length, All, [Worker | _] = Turn, Left, Count) ->
    receive
        {value, _} = Value ->
            ?SEND(Worker, Value),
            splitter(Run, Length, All, Turn, Left - 1, Count + 1);
        finish ->
            [?SEND(Each, finish) || Each <- All],
            leave(Run, Count + length(All), Count + 1)
    end.

%% Turn is the input whose turn it is, for Left values more; nothing of it waits. Waiting has a
%% queue for each input of which something does: lists of the first and, turned round, of the last.
joiner_start(Run, Length, Inputs, Next) ->
    joiner(Run, {Length, Inputs, Next}, #{}, 0, Length, 0, Inputs).

joiner(Run, {_, Inputs, Next}, Waiting, _, _, Count, 0) ->
    ?REQUIRE(Run, map_size(Waiting) =:= 0, "all that waits has its turn"),
    ?SEND(Next, finish),
    leave(Run, Count + 1, Count + Inputs);
joiner(Run, {_, _, Next} = Plan, Waiting, Turn, Left, Count, Unfinished) ->
    receive
        {item, Turn, Number} ->
            ?SEND(Next, {value, Number}),
            joiner_next(Run, Plan, Waiting, Turn, Left - 1, Count + 1, Unfinished);
        {item, Input, Number} ->
            joiner(Run, Plan, push(Input, Number, Waiting), Turn, Left, Count, Unfinished);
        finish -> joiner(Run, Plan, Waiting, Turn, Left, Count, Unfinished - 1)
    end.

%% Sends what waits from those whose turn it becomes.
joiner_next(Run, {Length, Inputs, _} = Plan, Waiting, Turn, 0, Count, Unfinished) ->
    joiner_next(Run, Plan, Waiting, (Turn + 1) rem Inputs, Length, Count, Unfinished);
joiner_next(Run, {_, _, Next} = Plan, Waiting, Turn, Left, Count, Unfinished) ->
    case Waiting of
        #{Turn := Queue} ->
            {Number, Rest} = pop(Queue),
            ?SEND(Next, {value, Number}),
            Less = case Rest of
                empty -> maps:remove(Turn, Waiting);
                _ -> Waiting#{Turn := Rest}
            end,
            joiner_next(Run, Plan, Less, Turn, Left - 1, Count + 1, Unfinished);
        _ -> joiner(Run, Plan, Waiting, Turn, Left, Count, Unfinished)
    end.

push(Input, Number, Waiting) ->
    case Waiting of
        #{Input := {Front, Back}} -> Waiting#{Input := {Front, [Number | Back]}};
        _ -> Waiting#{Input => {[Number], []}}
    end.

pop({[Number], []}) -> {Number, empty};
pop({[Number | Front], Back}) -> {Number, {Front, Back}};
pop({[], Back}) -> pop({lists:reverse(Back), []}).

%% How many actors the network has, and how many messages N values and a finish make of it: who sees
%% everything gets N values and one finish.
count_network(Size) ->
    All = Size + 1,
    %% Source, kernel, adapter, validation; start.
    Stages = [count_stage(Size, All, Stage) || Stage <- powers(2, Size)],
    {4 + lists:sum([Actors || {Actors, _} <- Stages]),
     1 + 3 * All + lists:sum([Messages || {_, Messages} <- Stages])}.

powers(From, To) when From > To -> [];
powers(From, To) -> [From | powers(2 * From, To)].

count_stage(Size, All, Stage) ->
    Adapters = case Stage of Size -> 0; _ -> 1 end,
    Steps = [count_step(Size, All, Adapters, Length) || Length <- powers(2, Stage)],
    {1 + lists:sum([Actors || {Actors, _} <- Steps]),
     All + lists:sum([Messages || {_, Messages} <- Steps])}.

%% The step, its splitter and its joiner, and what is in its workers.
count_step(Size, All, Adapters, Length) ->
    Workers = Size div Length,
    Actors = 3 + Adapters + Workers,
    Messages = (2 + Adapters) * All + 2 * (Size + Workers),
    case Length of
        2 -> {Actors, Messages};
        _ -> {Actors + Workers * (3 + Length div 2),
              Messages + 2 * (Size + Workers) + 2 * (Size + Workers * Length div 2)}
    end.

%% -- sor

first_values(0, _) -> [];
first_values(Left, State) ->
    {Drawn, Next} = java_double(State),
    [Drawn * ?SCALE | first_values(Left - 1, Next)].

%% That both are floats is for erlc, which then computes without looking at each.
relaxed(Old, Neighbours) when is_float(Old), is_float(Neighbours) ->
    0.25 * ?OMEGA * Neighbours + (1.0 - ?OMEGA) * Old.

%% The same without actors, sweep by sweep.
relaxed_grid(Grid, Side, Iterations) ->
    lists:foldl(fun(Colour, Last) -> sweep(Last, Side, Colour) end, Grid,
                [false | lists:append(lists:duplicate(Iterations - 1, [true, false]))]).

sweep(Grid, Side, Colour) ->
    list_to_tuple([swept(Grid, Side, Row, Column, begins(Row, Column) =:= Colour)
                   || Row <- lists:seq(0, Side - 1), Column <- lists:seq(0, Side - 1)]).

swept(Grid, Side, Row, Column, false) -> element(Row * Side + Column + 1, Grid);
swept(Grid, Side, Row, Column, true) ->
    Sum = lists:sum([element(R * Side + C + 1, Grid) || {R, C} <- beside(Row, Column, Side, Side)]),
    relaxed(element(Row * Side + Column + 1, Grid), Sum).

beside(Row, Column, Rows, Columns) ->
    All = [{Row, Column + 1}, {Row + 1, Column}, {Row, Column - 1}, {Row - 1, Column}],
    [{R, C} || {R, C} <- All, R >= 0, R < Rows, C >= 0, C < Columns].

%% (0, 0) has colour 1.
begins(Row, Column) -> (Row + Column) rem 2 =:= 0.

%% The left half, and its border to the right.
runner(Run, Side, Iterations, Grid) ->
    receive boot -> ok end,
    Columns = Side div 2,
    Own = make_cells(Run, Grid, Side, lists:seq(0, Columns - 1), 0, Columns + 1),
    Border = column(Own, Side, Columns - 1),
    Me = self(),
    Peer = spawn(fun() -> peer(Run, Side, Iterations, Grid, Columns, Border, Me) end),
    ?SEND(Peer, boot),
    receive {border, Theirs} -> ok end,
    start_cells(Own, with_column(Own, Columns, Theirs), Side, Columns + 1, Iterations),
    Total = sum_of_results(Side * Columns + 1, 0.0),
    report(Run, Total),
    arrive(Run),
    leave(Run, 1 + Side * Columns, 2 + Side * Columns + 1).

%% The right half, and as column 0 its border to the left.
peer(Run, Side, Iterations, Grid, First, Border, Runner) ->
    receive boot -> ok end,
    Columns = Side - First,
    Own = make_cells(Run, Grid, Side, lists:seq(First, Side - 1), First - 1, Columns + 1),
    ?SEND(Runner, {border, column(Own, Side, 1)}),
    start_cells(Own, with_column(Own, 0, Border), Side, Columns + 1, Iterations),
    Total = sum_of_results(Side * Columns, 0.0),
    ?SEND(Runner, {result, Total}),
    leave(Run, 2 + Side * Columns, 1 + Side * Columns).

%% By {row, column} of the half, whose columns are Offset less than the grid's.
make_cells(Run, Grid, Side, Columns, Offset, Width) ->
    Owner = self(),
    maps:from_list([
        begin
            Value = element(Row * Side + Column + 1, Grid),
            Begins = begins(Row, Column),
            Spot = {Row, Column - Offset, Side, Width},
            {{Row, Column - Offset}, spawn(fun() -> cell(Run, Spot, Value, Begins, Owner) end)}
        end
        || Row <- lists:seq(0, Side - 1), Column <- Columns]).

column(Cells, Side, Column) -> [maps:get({Row, Column}, Cells) || Row <- lists:seq(0, Side - 1)].

with_column(Cells, Column, Pids) ->
    Others = [{{Row, Column}, Pid} || {Row, Pid} <- lists:enumerate(0, Pids)],
    maps:merge(Cells, maps:from_list(Others)).

%% All cells that a cell may know, row by row.
start_cells(Own, Known, Side, Width, Iterations) ->
    All = list_to_tuple([maps:get({Row, Column}, Known)
                         || Row <- lists:seq(0, Side - 1), Column <- lists:seq(0, Width - 1)]),
    lists:foreach(fun(Cell) -> ?SEND(Cell, {start, Iterations, All}) end, maps:values(Own)).

sum_of_results(0, Total) -> Total;
sum_of_results(Left, Total) ->
    receive {result, Number} -> sum_of_results(Left - 1, Total + Number) end.

%% Values that come before the start stay in the mailbox.
cell(Run, {Row, Column, Rows, Width}, Value, Begins, Owner) ->
    receive {start, Iterations, All} -> ok end,
    Neighbours = [element(R * Width + C + 1, All) || {R, C} <- beside(Row, Column, Rows, Width)],
    Count = length(Neighbours),
    Left = case Begins of
        true -> tell(Neighbours, Value), Iterations - 1;
        false -> Iterations
    end,
    Last = cell_loop(Neighbours, Count, Value, Left),
    ?SEND(Owner, {result, Last}),
    leave(Run, Iterations * Count + 1, 1 + Left * Count, [value]).

cell_loop(_, _, Value, 0) -> Value;
cell_loop(Neighbours, Count, Value, Left) ->
    New = relaxed(Value, sum_of_values(Count, 0.0)),
    tell(Neighbours, New),
    cell_loop(Neighbours, Count, New, Left - 1).

sum_of_values(0, Sum) -> Sum;
sum_of_values(Left, Sum) -> receive {value, Number} -> sum_of_values(Left - 1, Sum + Number) end.

tell(Neighbours, Value) -> lists:foreach(fun(Each) -> ?SEND(Each, {value, Value}) end, Neighbours).
