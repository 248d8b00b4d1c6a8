//! Each model with its schedules.

use twinwire_models::{listing, queues, sessions, topics};

#[test]
fn who_waits_for_room_by_hand_is_woken_by_room_and_by_the_close() {
    queues::who_waits_for_room_by_hand_is_woken_by_room_and_by_the_close();
}

#[test]
fn who_waits_in_line_is_woken_by_room_and_by_the_close() {
    queues::who_waits_in_line_is_woken_by_room_and_by_the_close();
}

#[test]
fn an_answer_or_its_end_wakes_who_waits() {
    queues::an_answer_or_its_end_wakes_who_waits();
}

#[test]
fn each_watcher_sees_the_newest_value_then_the_end() {
    queues::each_watcher_sees_the_newest_value_then_the_end();
}

#[test]
fn of_two_that_take_a_session_over_one_holds_it() {
    sessions::of_two_that_take_a_session_over_one_holds_it();
}

#[test]
fn two_hellos_that_want_each_others_session_end() {
    sessions::two_hellos_that_want_each_others_session_end();
}

#[test]
fn a_session_that_its_client_has_back_does_not_go_for_others() {
    sessions::a_session_that_its_client_has_back_does_not_go_for_others();
}

#[test]
fn a_subscriber_hears_all_that_follows_its_join() {
    topics::a_subscriber_hears_all_that_follows_its_join();
}

#[test]
fn a_topic_in_use_is_not_evicted_by_another_that_opens() {
    topics::a_topic_in_use_is_not_evicted_by_another_that_opens();
}

#[test]
fn a_client_is_listed_once_from_its_arrival_to_its_departure() {
    listing::a_client_is_listed_once_from_its_arrival_to_its_departure();
}
