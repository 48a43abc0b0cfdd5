"""The failures the engine must survive: what happens, what it does, what brings it about, and which test shows it.

``docs/safety.md`` holds the table made from this list; ``python -m proofs.document`` writes it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple


class Failure(NamedTuple):
    """One row. ``faults`` are names of a trial's plan, or programmes of ``proofs``; ``tests`` are below ``tests/``."""

    number: int
    what: str
    behaviour: str
    faults: Sequence[str]
    tests: Sequence[str]


_DAY = "trials/test_days.py::test_a_day_of_one_fault"
_CLIENT = "edge/test_alpaca_client.py"
_PROTECTION = "core/test_protection_scenes.py"
_ENGINE = "core/test_engine_scenes.py"
_GATES = "core/test_risk_gates.py"
_DOUBTS = f"{_ENGINE}::test_what_the_broker_the_market_and_the_clock_can_do"
_SHARED = "wiring/test_shared_account.py"
_WIRE = "proofs/test_wire_days.py::test_every_fault_of_the_simulators_wire_is_survived"
_NETWORK = "proofs/test_wire_days.py::test_a_day_on_which_the_network_fails_in_every_way"

FAILURES: Final[Sequence[Failure]] = (
    Failure(1, "accepted, answer lost", "the order is unknown: looked up by its id, its exposure reserved, no other id", ("http.accept_then", "http.truncate", "wire"), (_DAY, f"{_PROTECTION}::test_unknown_is_a_state", _NETWORK)),
    Failure(2, "a request never arrives", "as 1; three honest answers over three minutes end an entry, protection is sent again under its id", ("http.drop", "wire"), (_DAY, f"{_PROTECTION}::test_unknown_is_a_state", _NETWORK)),
    Failure(3, "a request arrives late", "what turns up is ours: protected, or cancelled", ("http.delay_apply",), (_DAY, "core/test_belief.py::test_an_entry_given_up_that_fills_is_ours_again")),
    Failure(4, "blind retries", "none: one POST each; a duplicate id is looked up, not a refusal", ("http.accept_then",), (f"{_CLIENT}::test_four_times_504_is_one_post", "wiring/test_shared_account.py::test_two_engines_that_want_the_same_thing_at_once_buy_it_once")),
    Failure(5, "an error although it went through", "as 1; a replacement is followed by its id", ("replace.error_but_applied",), (_DAY, f"{_CLIENT}::test_a_lost_replacement_is_unknown", _DOUBTS)),
    Failure(6, "an answer that is cut or alien", "unknown for a write, again for a read; the loop lives", ("http.truncate", "wire"), (f"{_CLIENT}::test_a_write_without_a_clear_answer_is_unknown_and_said_once", f"{_CLIENT}::test_a_read_without_a_usable_answer_may_be_made_again", _WIRE)),
    Failure(7, "too many requests", "a budget below the broker's, with a reserve for exits; Retry-After is kept", ("http.429", "wire"), (_DAY, "edge/test_http_policy.py::test_reads_leave_room_for_orders_and_orders_for_protection", f"{_CLIENT}::test_exits_have_priority_over_entries", _WIRE)),
    Failure(8, "the broker is out", "entries stop, growing pauses, alarm after a minute, a full reading before the next entry", ("http.5xx", "wire"), (_DAY, "edge/test_http_policy.py::test_an_outage_is_met_with_growing_pauses", "edge/test_patience.py::test_a_broker_that_is_away_is_waited_for", _DOUBTS, _WIRE)),
    Failure(9, "keys refused", "entries stop, alarm, one try a minute", ("http.401", "wire"), (_DAY, f"{_CLIENT}::test_refused_keys_stop_everything_for_a_minute", "edge/test_patience.py::test_refused_keys_are_tried_once_a_minute", _DOUBTS, _WIRE)),
    Failure(10, "a stop holds the shares", "cancel, see it end, read the position, sell what is there", ("operator.flatten",), (f"{_PROTECTION}::test_an_exit_sells_once",)),
    Failure(11, "wash trade", "no buy while a sale of ours rests; a buy of ours that is named is cancelled", ("broker.manual_order",), (f"{_CLIENT}::test_a_refusal_is_classified_and_names_what_is_in_the_way", f"{_GATES}::test_an_order_in_the_symbol_is_pending", _DOUBTS)),
    Failure(12, "the price is through the stop", "sold at market at once", ("market.gap",), (_DAY, f"{_PROTECTION}::test_an_entry_ends_protected_or_flat")),
    Failure(13, "partial fill, then the end", "what is held is protected; the trade is what filled", ("fill.partial", "order.expire_early"), (_DAY, f"{_PROTECTION}::test_an_entry_ends_protected_or_flat")),
    Failure(14, "a fill before its acknowledgement", "taken; orders are known by our id", ("fill.before_ack",), (_DAY, "core/test_orders.py::test_any_delivery_of_a_true_history_ends_in_the_truth")),
    Failure(15, "a cancel that does nothing, or comes too late", "wait for the end, read again, sell only what is there", ("cancel.ignored", "cancel.loses_race", "http.refuse_cancel"), (_DAY, f"{_PROTECTION}::test_an_exit_sells_once")),
    Failure(16, "a replacement races a fill", "cumulative quantities; never old and new added", ("replace.loses_race",), (_DAY, "core/test_orders.py::test_any_delivery_of_a_true_history_ends_in_the_truth")),
    Failure(17, "news lost, doubled, reordered", "each execution counts once; polling fills gaps", ("ws.drop", "ws.dup", "ws.reorder", "ws.delay", "wire"), (_DAY, "core/test_orders.py::test_each_execution_id_counts_once", _WIRE)),
    Failure(18, "a stream that is mute", "polled anyway; a silent connection is left and made again", ("ws.mute", "wire"), (_DAY, "edge/test_alpaca_streams.py::test_a_mute_server_is_left_and_tried_again", _NETWORK)),
    Failure(19, "reconnect storm, connection limit", "pauses that grow; trading goes on by polling", ("ws.close", "wire"), (_DAY, "edge/test_alpaca_streams.py::test_a_connection_limit_is_tried_with_growing_pauses", _WIRE)),
    Failure(20, "readings behind the truth", "no conclusion from one reading", ("http.stale_read", "wire"), (_DAY, "core/test_reconciliation.py::test_positions_that_cannot_be_read_are_asked_for_no_more_often", _WIRE)),
    Failure(21, "an order stuck", "alarm by age; entries cancelled; an exit that does not move is cancelled and sent anew", ("order.stuck",), (_DAY, _DOUBTS)),
    Failure(22, "rejected or expired later", "as a refusal; the position is guarded meanwhile", ("order.reject_later", "order.expire_early"), (_DAY, f"{_PROTECTION}::test_a_position_gets_and_keeps_its_stop")),
    Failure(23, "bars stale, missing, late, revised", "no entry in the symbol; exits go by quotes; a decision keeps the bar it saw", ("bars.stale", "bars.missing", "bars.late", "bars.revise"), (_DAY, f"{_GATES}::test_stale_and_impossible_data_are_refused", f"{_ENGINE}::test_bars_the_stream_missed_are_asked_for")),
    Failure(24, "impossible bars and quotes", "refused and counted, alarm at three in a row; never in an indicator", ("bars.mutate", "quote.spike"), (_DAY, "core/strategies/test_manager.py::test_broken_bars_leave_no_trace", _DOUBTS)),
    Failure(25, "a spike", "an entry needs bar and fresh quote to agree; our own stop needs a fresh quote", ("bars.spike", "quote.spike"), (_DAY, "core/test_gate.py::test_a_spike_is_not_bought", "core/test_risk_manager.py::test_nothing_is_bought_without_a_usable_quote")),
    Failure(26, "bars without volume", "no signal", ("bars.zero_volume",), (_DAY,)),
    Failure(27, "trading halted, reopening gap", "no entries in the symbol, alarm, no loop of orders", ("market.halt",), (_DAY, _DOUBTS)),
    Failure(28, "a night with a gap, stops expired", "flat by the close; else armed again, or sold, at the open", ("market.gap", "kills"), (f"{_ENGINE}::test_the_close_and_the_night", f"{_ENGINE}::test_what_a_night_does_to_a_position_is_found_out_before_anything_is_sent")),
    Failure(29, "split, dividend, new symbol", "no orders in the symbol until two readings agree; shares and prices scaled, no dollar changed", ("corp.split", "corp.dividend"), ("core/test_reconciliation.py::test_a_split_changes_shares_and_prices_and_no_dollar", f"{_ENGINE}::test_what_a_night_does_to_a_position_is_found_out_before_anything_is_sent")),
    Failure(30, "half days, holidays, no calendar", "only hours both calendars know; flat before the real close", ("days",), ("edge/test_calendar.py::test_where_the_broker_differs_only_the_common_hours_remain", f"{_ENGINE}::test_a_half_day_is_flat_before_its_own_close", _DOUBTS)),
    Failure(31, "clocks go forward and back", "times are UTC; New York is in the calendar alone", ("days",), ("edge/test_calendar.py::test_summer_time_moves_the_open_in_utc", "edge/test_calendar.py::test_the_hosts_time_zone_changes_nothing")),
    Failure(32, "clock off, or the machine slept", "beyond 30 s no entries; after a jump everything is read first", ("clock.skew", "clock.sleep"), (_DAY, "edge/test_scheduler.py::test_a_jump_of_the_wall_clock_is_told_before_any_event", "core/test_belief.py::test_a_sleep_proves_nothing_of_the_journal", _DOUBTS)),
    Failure(33, "killed at any instruction", "start and recovery are one path", ("crash.at_io", "crashes", "kills", "power"), ("proofs/test_crash_points.py::test_a_crash_at_any_point", "edge/test_journal_crash.py::test_killed_at_any_instant_the_journal_is_a_prefix", "proofs/test_kills.py::test_ten_kills_break_no_rule", "proofs/test_power_loss.py::test_a_power_cut_loses_nothing_acknowledged")),
    Failure(34, "gone for hours", "read, protect, then warm up; no entry on an old signal", ("crash.at_io", "kills"), (f"{_ENGINE}::test_a_start_protects_before_it_warms_up", "proofs/test_kills.py::test_ten_kills_break_no_rule", _DOUBTS, f"{_GATES}::test_stale_and_impossible_data_are_refused")),
    Failure(35, "disk full, failing, read-only", "entries stop; a reserve is freed for exits; files are replaced, never rewritten", ("disk.enospc", "disk.eio", "disk", "writers"), (_DAY, f"{_ENGINE}::test_a_full_disk_stops_entries_and_nothing_else", "edge/test_journal_failures.py::test_a_full_disk_fails_the_commit_and_the_reserve_lets_exits_through", "proofs/test_failing_disk.py::test_entries_stop_and_protection_goes_on", "edge/test_journal_failures.py::test_a_full_disk_lets_a_start_through_that_buys_nothing", "edge/test_journal_failures.py::test_a_read_only_disk_lets_a_start_through_that_buys_nothing", "wiring/test_hosted.py::test_a_start_without_room_for_bad_days_sells_and_buys_nothing")),
    Failure(36, "the database is locked", "nothing is lost; entries wait", ("disk",), ("edge/test_journal_failures.py::test_a_locked_journal_says_so_and_loses_nothing", "proofs/test_failing_disk.py::test_somebody_elses_lock_stops_entries_and_nothing_else")),
    Failure(37, "database damaged, gone, or an old copy", "kept aside; belief from the broker, positions guarded; entries wait for a human", ("lost",), ("proofs/test_lost_journal.py", "core/test_salvage.py")),
    Failure(38, "settings torn, huge, a link", "the last good revision stays, over a start too while something is held", ("config.torn",), ("edge/test_config_store.py::test_a_writer_tearing_the_file_is_never_believed_half_way", "edge/test_config_store.py::test_a_file_of_another_user_is_refused", "wiring/test_hosted.py::test_settings_that_break_keep_no_engine_from_what_it_holds", "edge/test_settings_in_force.py")),
    Failure(39, "an agent that is wrong", "the policy bounds every setting; orders are no command", ("config.edit",), ("core/test_policy.py::test_nothing_outside_a_range_ever_passes", "core/test_config_fuzz.py")),
    Failure(40, "two engines", "a lock for each home; an order of another engine halts entries", ("second_engine", "kills"), (_DAY, f"{_SHARED}::test_two_engines_that_buy_at_once_stop_each_other_from_adding_risk", "edge/test_home.py::test_one_engine_per_home")),
    Failure(41, "a human trades in the account", "counted, never touched; fewer shares: the stop shrinks first", ("broker.manual_order",), (_DAY, f"{_SHARED}::test_the_humans_own_trades_are_counted_and_never_touched")),
    Failure(42, "liquidated, blocked, suspended", "entries stop, the state is shown, nothing is sent again and again", ("broker.liquidate", "account.blocked"), (_DAY, "core/test_limits.py::test_a_blocked_account_waits_for_a_human", _DOUBTS, f"{_SHARED}::test_the_humans_own_trades_are_counted_and_never_touched")),
    Failure(43, "fields that come and go", "optional; no exit waits for them", ("wire",), ("edge/test_broker_json.py",)),
    Failure(44, "buying power that lags", "one decision after the other, each with what the ones before reserved", ("account.bp_lag",), (_DAY, "core/test_risk_sizing.py::test_concurrent_signals_never_exceed_the_caps")),
    Failure(45, "rounding, dust", "sold is exactly what may be sold; dust is told, not tried again", ("fill.partial",), ("edge/test_broker_json.py::test_an_order_is_read_to_the_last_digit", _DOUBTS)),
    Failure(46, "a loop that hangs", "a watchdog ends the process with 70; it is started again", ("kills",), ("edge/test_watchdog.py::test_an_event_that_never_finishes", "edge/test_watchdog.py::test_a_tick_that_does_not_come", "proofs/test_kills.py::test_a_hung_engine_ends_and_the_next_one_trades")),
    Failure(47, "a crash loop", "more than five starts in ten minutes: guard and sell, buy nothing", (), ("wiring/test_hosted.py::test_a_crash_loop_guards_and_sells_and_buys_nothing", "edge/test_starts.py")),
    Failure(48, "credentials locked", "asked again slowly, said at once; stops rest at the broker", (), ("edge/test_credentials.py", "edge/test_patience.py::test_a_locked_store_is_asked_once_a_minute")),
    Failure(49, "logs that grow", "bounded a day and a message; what a service prints is turned over", ("soak", "wire"), ("edge/test_logger.py::test_a_day_has_so_many_bytes", "edge/test_service_logs.py", "edge/test_transport.py::test_a_head_that_is_cut_short_is_not_talked_about")),
    Failure(50, "a secret in a log", "censored where it is written; no piece of a known key comes out anywhere", (), ("canary/test_commands.py", "canary/test_crashes.py", "edge/test_canary.py")),
    Failure(51, "a page in the owner's browser", "the simulator and its control listen on this machine alone; there is no dashboard", (), ("canary/test_answers.py",)),
    Failure(52, "a poisoned dependency, a false host", "a lock with hashes; keys go to the configured hosts alone", (), ("edge/test_transport.py::test_no_other_host_is_reached", "edge/test_transport.py::test_a_redirect_elsewhere_is_not_followed", "edge/test_fake_host.py")),
    Failure(53, "a new release", "old journals are brought up to date forward only; every entry has its version; the first start says so and reads the broker before it buys", (), ("edge/test_journal_failures.py::test_an_old_journal_is_brought_up_to_date", "edge/test_journal.py::test_every_entry_has_its_code_version", "wiring/test_hosted.py::test_the_first_start_of_another_version_says_so", _DOUBTS)),
    Failure(54, "nobody can be told", "beside the loop, bounded, a second channel, what did not arrive is shown", (), ("edge/test_notify.py::test_a_channel_that_hangs_never_blocks_and_never_grows", "edge/test_notify.py::test_where_the_first_channel_is_down_the_second_is_told", "edge/test_channels.py::test_a_webhook_that_does_not_take_it", "edge/test_recorder.py::test_the_status_page_shows_what_reached_nobody")),
)  # fmt: skip
"""In the order of their numbers, 1 to 54."""
