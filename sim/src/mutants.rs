//! Bugs that are planted to see whether the oracle finds them.

/// Every bug that can be planted, and what is wrong with it.
pub const MUTANTS: &[(&str, &str)] = &[
    (
        "ack_off_by_one",
        "an acknowledgement lets one frame too many go",
    ),
    ("ack_ahead", "one more is acknowledged than was received"),
    (
        "number_not_reset",
        "another session goes on with the numbers of the last",
    ),
    (
        "unsent_lost",
        "what a lost session never sent is forgotten by the next",
    ),
    (
        "not_rewound",
        "what was written to the last connection isn't sent again",
    ),
    (
        "old_socket_not_fenced",
        "bytes of a connection that was taken over reach the session",
    ),
    (
        "cursor_trusted",
        "a topic goes on from what was written, not from what the client told",
    ),
    (
        "used_forgotten",
        "what a subscription has used of its window is forgotten at a resume",
    ),
    (
        "secret_confirmed_early",
        "the old secret is dropped before the client has heard the new one",
    ),
    (
        "delayed_hello",
        "a hello that was long under way takes the session from a later one",
    ),
    (
        "window_relative",
        "windows are taken as so much more, not as an absolute limit",
    ),
    (
        "grant_not_taken",
        "the window that a resume tells is ignored",
    ),
    (
        "streams_not_retold",
        "a stream's window isn't told again after a cut",
    ),
    (
        "silence_not_rearmed",
        "after the first ping nothing watches for an answer",
    ),
    (
        "ping_not_asked_again",
        "a ping that a cut has taken isn't asked again",
    ),
    (
        "resume_timer_kept",
        "the timer of a detached session runs on once it is resumed",
    ),
    (
        "time_before_bytes",
        "who wakes looks at the clock before it reads what has come",
    ),
    (
        "cancel_unanswered",
        "a call that is cancelled before it starts is never answered",
    ),
    (
        "late_call_goes_on",
        "the parts of a late call follow its cancel",
    ),
    (
        "end_before_items",
        "a stream ends before its last items are out",
    ),
    (
        "event_does_not_block",
        "the next request starts beside an event's handler",
    ),
    (
        "sent_item_gives_no_time",
        "an item that goes out doesn't renew its handler's time",
    ),
    (
        "long_call_waits",
        "the rest of a request in parts waits for a place of its own",
    ),
    ("hold_ignored", "an event that is held has a deadline"),
    ("replaced_half_way", "what has begun to go out is replaced"),
    (
        "carried_over_unread",
        "a session that took over requests reads nothing that comes for them",
    ),
    (
        "replaced_behind",
        "what is replaced before its application is ready goes behind the rest",
    ),
    ("alias_reused", "two topics' publications go by one alias"),
    (
        "leave_of_any_join",
        "leaving an earlier join leaves a later one too",
    ),
    (
        "put_out_of_any_join",
        "who is put out of an earlier join loses a later one too",
    ),
    (
        "replay_races_live",
        "publications go before the welcome and what is sent again",
    ),
    (
        "epoch_ignored",
        "a position in another epoch is taken for one in this",
    ),
    (
        "skip_untold",
        "entries that are gone are passed over in silence",
    ),
    (
        "forms_mixed",
        "a reader gets what was written for readers of another form",
    ),
    (
        "gap_costs_credit",
        "what a gap was charged never comes back",
    ),
    (
        "left_out_heard",
        "what is for all but one is read to that one",
    ),
    (
        "part_lost_at_cut",
        "the beginning of an answer in parts is lost with its connection",
    ),
    ("receipt_twice", "a receipt is settled twice"),
    (
        "not_received_of_written",
        "what was written and never acknowledged is said to be NotReceived",
    ),
    (
        "tombstone_forgets",
        "a session that was given up says that it has received nothing",
    ),
    (
        "eviction_without_tombstone",
        "nothing is left of a session that was given up",
    ),
    (
        "pool_without_end",
        "sessions without a connection stay when there is no room",
    ),
    (
        "leftovers_lost",
        "events that arrived and wait are lost with their session",
    ),
    (
        "given_up_stream_counts",
        "a stream that was given up before it went out keeps its place",
    ),
    (
        "close_before_welcome",
        "who closes while it wants its session back doesn't wait for it",
    ),
    (
        "first_stream_first",
        "of the streams that may go the first always does",
    ),
    (
        "turn_kept_while_busy",
        "answers, requests or items go for as long as there are some",
    ),
    (
        "long_answer_stays_first",
        "a long answer goes as a whole before the others",
    ),
    (
        "logs_go_last",
        "logs are read once nothing else is to be sent",
    ),
];

/// The suite that finds a bug of the shells, which the simulator hasn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finder {
    /// A test of this crate, by its name; not every run of worlds.
    Test(&'static str),
    /// Worlds of the real shells; and this test, if there is one.
    Worlds(Option<&'static str>),
}

/// Every bug that can be planted in `remote`, `client` and `server`, what is wrong with it, and what finds it.
pub const SHELL_MUTANTS: &[(&str, &str, Finder)] = &[
    (
        "ping_lost_with_session",
        "a ping isn't asked again in the session that follows",
        Finder::Test("client: a_ping_of_an_absence_is_answered_in_the_session_that_follows"),
    ),
    (
        "drain_wakes_nobody",
        "who waits for room hears nothing of a queue that was emptied",
        Finder::Test("remote: what_is_drained_makes_room_for_who_waits"),
    ),
    (
        "held_request_not_awaited",
        "a request that waits for room is lost with the last handle",
        Finder::Test("client: what_waits_for_room_when_the_last_handle_goes_is_sent"),
    ),
    (
        "left_topic_joined_again",
        "a topic that was left while its session was lost is joined again",
        Finder::Worlds(Some(
            "remote: a_lost_topic_is_joined_again_once_for_all_of_its_handles_and_not_at_all_without",
        )),
    ),
    (
        "lost_topic_not_shared",
        "a second handle of a lost topic joins it once more",
        Finder::Worlds(Some(
            "remote: a_lost_topic_is_joined_again_once_for_all_of_its_handles_and_not_at_all_without",
        )),
    ),
    (
        "handlers_outlive_session",
        "the answer of a lost session's call is given to a call of the next",
        Finder::Worlds(Some(
            "client: no_answer_is_given_to_a_question_of_another_session",
        )),
    ),
    (
        "second_handler_unused",
        "a handler doesn't replace the one before",
        Finder::Worlds(Some("client: the_newest_handler_answers")),
    ),
    (
        "kept_bytes_stay",
        "events that were kept and are heard count for ever",
        Finder::Test("client: what_was_kept_for_listeners_and_taken_makes_room_for_more"),
    ),
    (
        "attempt_outlives_pause",
        "a pause doesn't stop the attempt that is under way",
        Finder::Worlds(Some("client: a_pause_stops_an_attempt_that_is_under_way")),
    ),
    (
        "client_keeps_later_timer",
        "a client sleeps past a deadline that came up since",
        Finder::Worlds(Some(
            "client: a_hint_leaves_a_living_connection_alone_and_finds_a_dead_one",
        )),
    ),
    (
        "client_looks_at_time_first",
        "a client that wakes looks at the clock before it reads what has come",
        Finder::Test("client: an_answer_that_came_in_time_counts_though_the_program_stood_still"),
    ),
    (
        "server_keeps_later_timer",
        "a server sleeps past a deadline that came up since",
        Finder::Worlds(Some("server: a_deadline_before_the_next_heartbeat_is_kept")),
    ),
    (
        "resumed_in_another_format",
        "a session goes on in another payload format",
        Finder::Test("server: only_the_right_secret_of_the_right_user_gets_a_session_back"),
    ),
    (
        "cancelled_before_open_runs",
        "a call that was cancelled before on_open ended runs all the same",
        Finder::Test("server: a_call_that_is_cancelled_before_on_open_has_ended_never_runs"),
    ),
    (
        "comes_back_to_the_end",
        "who comes back to a topic is told a gap up to its end",
        Finder::Worlds(None),
    ),
    (
        "news_wakes_nobody",
        "a connection isn't woken for what is published",
        Finder::Test("server: a_subscriber_that_does_not_read_is_told_the_gap_and_delays_nobody"),
    ),
    (
        "newest_of_user_forgotten",
        "of a user's tabs the newest is forgotten, not the closed one",
        Finder::Worlds(None),
    ),
    (
        "closed_client_kept",
        "a client that was closed keeps itself for ever",
        Finder::Worlds(None),
    ),
    (
        "stopped_endpoint_kept",
        "an endpoint that was shut down keeps itself for ever",
        Finder::Worlds(None),
    ),
];

/// Activates a bug for the worlds that this thread runs, if the workspace is compiled for that; or none.
pub fn activate(mutant: Option<&'static str>) {
    #[cfg(twinwire_mutants)]
    twinwire::mutants::activate(mutant);
    #[cfg(not(twinwire_mutants))]
    let _ = mutant;
}
