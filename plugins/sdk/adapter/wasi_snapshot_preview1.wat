;; Answers every call of WASI preview 1 inside the component, so that a module of a language that knows no other system
;; imports nothing but `backtest:strategy/host` in the end. Never asks the machine: the same calls get the same answers.
;;
;; - There are no arguments, no environment, no directories and no sockets. A path leads nowhere (`noent`); descriptors 0,
;;   1 and 2 are terminals, every other one is bad (`badf`).
;; - Standard input is at its end.
;; - A line on standard output becomes a line of the log at `info`, one on standard error at `error`. Bytes that are no
;;   UTF-8 become `?`.
;; - Both clocks stand at 2000-01-01T00:00:00Z. Only waiting moves them, by the time that was asked for, and takes none
;;   itself. A loop that looks at the clock until it has moved runs into the budget. No processor time is ever spent.
;; - Random bytes are SplitMix64's (little-endian words, each call begins a new one) from a fixed seed. What `prepare`
;;   leaves behind is where every combination goes on: all of them draw the same numbers.
;; - To exit is to trap. The code is logged as an error, unless standard error has said something already.
;;
;; The adapter has no memory of its own. `line_buffer` lends it some, of which each stream takes one half; without it, or
;; where it is shorter than 256 bytes, every piece that is written ends a line, and bytes that are no UTF-8 end one, too,
;; and are left out.
;; A line that is longer than its half is logged in parts. `flush_lines` ends the lines that were begun.
(module
  (import "backtest:strategy/host@0.1.0" "log" (func $log (param $level i32) (param $text i32) (param $length i32)))
  (import "env" "memory" (memory 0))

  ;; Nanoseconds since the Unix epoch.
  (global $now (mut i64) (i64.const 946684800000000000))
  (global $random (mut i64) (i64.const 0))
  ;; Address of standard output's line: four bytes with its length, then its bytes. Standard error's lies behind it.
  (global $lines (mut i32) (i32.const 0))
  ;; Bytes that a line can have; 0 while no buffer is lent.
  (global $room (mut i32) (i32.const 0))
  ;; Whether anything was written to standard error.
  (global $explained (mut i32) (i32.const 0))

  ;; Standard output and standard error.

  (func (export "line_buffer") (param $at i32) (param $length i32)
    (global.set $lines (local.get $at))
    (global.set $room (i32.const 0))
    (if (i32.ge_u (local.get $length) (i32.const 256)) (then
      (global.set $room (i32.sub (i32.shr_u (local.get $length) (i32.const 1)) (i32.const 4)))
      (i32.store (call $line (i32.const 1)) (i32.const 0))
      (i32.store (call $line (i32.const 2)) (i32.const 0)))))

  (func $flush_lines (export "flush_lines")
    (if (global.get $room) (then
      (call $flush (i32.const 1))
      (call $flush (i32.const 2)))))

  (func $flush (param $fd i32)
    (if (i32.load (call $line (local.get $fd))) (then (call $end_line (local.get $fd)))))

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (call $write (local.get $fd) (i32.load (local.get $pieces)) (i32.load offset=4 (local.get $pieces)))
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $pieces))))
      (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (if (i32.eq (local.get $fd) (i32.const 2)) (then (global.set $explained (i32.const 1))))
    (if (global.get $room)
      (then (call $collect (local.get $fd) (local.get $at) (local.get $end)))
      (else (call $pass (local.get $fd) (local.get $at) (local.get $end)))))

  ;; Appends to the stream's line, and logs it wherever it ends.
  (func $collect (param $fd i32) (param $at i32) (param $end i32)
    (local $line i32) (local $length i32) (local $byte i32)
    (local.set $line (call $line (local.get $fd)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (if (i32.eq (local.get $byte) (i32.const 10))
        (then (call $end_line (local.get $fd)))
        (else
          (if (i32.eq (i32.load (local.get $line)) (global.get $room)) (then (call $split_line (local.get $fd))))
          (local.set $length (i32.load (local.get $line)))
          (i32.store8 offset=4 (i32.add (local.get $line) (local.get $length)) (local.get $byte))
          (i32.store (local.get $line) (i32.add (local.get $length) (i32.const 1)))))
      (br $next))))

  ;; Logs the line and begins the next one.
  (func $end_line (param $fd i32)
    (call $log_front (local.get $fd) (i32.load (call $line (local.get $fd)))))

  ;; Logs as much of a full line as does not end within a character, and keeps the rest.
  (func $split_line (param $fd i32)
    (local $line i32) (local $bytes i32)
    (local.set $line (call $line (local.get $fd)))
    (local.set $bytes (i32.add (local.get $line) (i32.const 4)))
    (call $log_front (local.get $fd)
      (i32.sub (call $cut (local.get $bytes) (i32.load (local.get $line))) (local.get $bytes))))

  ;; Logs the first `length` bytes of the line and moves what follows to its front.
  (func $log_front (param $fd i32) (param $length i32)
    (local $line i32) (local $bytes i32) (local $rest i32)
    (local.set $line (call $line (local.get $fd)))
    (local.set $bytes (i32.add (local.get $line) (i32.const 4)))
    (local.set $rest (i32.sub (i32.load (local.get $line)) (local.get $length)))
    (call $repair (local.get $bytes) (i32.add (local.get $bytes) (local.get $length)))
    (call $log (call $level (local.get $fd)) (local.get $bytes) (local.get $length))
    (memory.copy (local.get $bytes) (i32.add (local.get $bytes) (local.get $length)) (local.get $rest))
    (i32.store (local.get $line) (local.get $rest)))

  ;; Logs the pieces between newlines, and between bytes that are no UTF-8. These are the caller's, and stay as they are.
  (func $pass (param $fd i32) (param $at i32) (param $end i32)
    (local $start i32)
    (loop $next
      (local.set $start (local.get $at))
      (local.set $at (call $text (local.get $at) (local.get $end)))
      (if (i32.ne (local.get $at) (local.get $start)) (then
        (call $log (call $level (local.get $fd)) (local.get $start) (i32.sub (local.get $at) (local.get $start)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))

  (func $line (param $fd i32) (result i32)
    (i32.add (global.get $lines)
      (i32.mul (i32.sub (local.get $fd) (i32.const 1)) (i32.add (global.get $room) (i32.const 4)))))

  ;; `info` for standard output, `error` for standard error.
  (func $level (param $fd i32) (result i32)
    (i32.sub (i32.shl (local.get $fd) (i32.const 1)) (i32.const 1)))

  ;; UTF-8.

  ;; Puts `?` in the place of every byte that belongs to no character.
  (func $repair (param $at i32) (param $end i32)
    (local $length i32)
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $length (call $character (local.get $at) (local.get $end)))
      (if (i32.eqz (local.get $length)) (then
        (i32.store8 (local.get $at) (i32.const 63))
        (local.set $length (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (local.get $length)))
      (br $next))))

  ;; Returns where the text at `at` meets a newline, a byte that belongs to no character, or its end.
  (func $text (param $at i32) (param $end i32) (result i32)
    (local $length i32)
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (br_if $done (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)))
      (local.set $length (call $character (local.get $at) (local.get $end)))
      (br_if $done (i32.eqz (local.get $length)))
      (local.set $at (i32.add (local.get $at) (local.get $length)))
      (br $next)))
    (local.get $at))

  ;; Returns the address behind the last whole character of a text of at least four bytes, or its end where no character
  ;; is begun there.
  (func $cut (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $lead i32) (local $byte i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (local.set $lead (local.get $end))
    (loop $back
      (local.set $lead (i32.sub (local.get $lead) (i32.const 1)))
      (local.set $byte (i32.load8_u (local.get $lead)))
      (br_if $back (i32.and
        (i32.eq (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80))
        (i32.lt_u (i32.sub (local.get $end) (local.get $lead)) (i32.const 3)))))
    (select (local.get $lead) (local.get $end)
      (i32.gt_u (call $announced (local.get $byte)) (i32.sub (local.get $end) (local.get $lead)))))

  ;; Returns how many bytes the character has that begins with `byte`; 0 where none does.
  (func $announced (param $byte i32) (result i32)
    (if (i32.lt_u (local.get $byte) (i32.const 0x80)) (then (return (i32.const 1))))
    (if (i32.lt_u (local.get $byte) (i32.const 0xc2)) (then (return (i32.const 0))))
    (if (i32.lt_u (local.get $byte) (i32.const 0xe0)) (then (return (i32.const 2))))
    (if (i32.lt_u (local.get $byte) (i32.const 0xf0)) (then (return (i32.const 3))))
    (select (i32.const 4) (i32.const 0) (i32.lt_u (local.get $byte) (i32.const 0xf5))))

  ;; Returns the bytes of the character at `at`; 0 where there is no whole one.
  (func $character (param $at i32) (param $end i32) (result i32)
    (local $length i32) (local $point i32) (local $byte i32) (local $index i32)
    (local.set $point (i32.load8_u (local.get $at)))
    (local.set $length (call $announced (local.get $point)))
    (if (i32.le_u (local.get $length) (i32.const 1)) (then (return (local.get $length))))
    (if (i32.gt_u (local.get $length) (i32.sub (local.get $end) (local.get $at))) (then (return (i32.const 0))))
    (local.set $point (i32.and (local.get $point) (i32.shr_u (i32.const 0x7f) (local.get $length))))
    (local.set $index (i32.const 1))
    (loop $next
      (local.set $byte (i32.load8_u (i32.add (local.get $at) (local.get $index))))
      (if (i32.ne (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80)) (then (return (i32.const 0))))
      (local.set $point
        (i32.or (i32.shl (local.get $point) (i32.const 6)) (i32.and (local.get $byte) (i32.const 0x3f))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $index) (local.get $length))))
    (select (local.get $length) (i32.const 0) (call $is_scalar (local.get $point) (local.get $length))))

  ;; Whether `length` bytes are the shortest form of `point`, and it is neither a surrogate nor beyond Unicode.
  (func $is_scalar (param $point i32) (param $length i32) (result i32)
    (if (i32.eq (local.get $length) (i32.const 3)) (then
      (return (i32.and
        (i32.ge_u (local.get $point) (i32.const 0x800))
        (i32.ne (i32.shr_u (local.get $point) (i32.const 11)) (i32.const 0x1b))))))
    (if (i32.eq (local.get $length) (i32.const 4)) (then
      (return (i32.lt_u (i32.sub (local.get $point) (i32.const 0x10000)) (i32.const 0x100000)))))
    (i32.const 1))

  ;; Exit.

  (func (export "proc_exit") (param $code i32)
    (call $flush_lines)
    (if (i32.eqz (global.get $explained)) (then (call $log_exit (local.get $code))))
    (unreachable))

  ;; Writes `exit code 7` over the first bytes of the memory, which no one reads any more.
  (func $log_exit (param $code i32)
    (local $end i32) (local $digit i32) (local $rest i32)
    (i64.store (i32.const 0) (i64.const 0x646f632074697865)) ;; `exit cod`
    (i32.store16 (i32.const 8) (i32.const 0x2065)) ;; `e `
    (local.set $end (i32.const 10))
    (local.set $rest (local.get $code))
    (loop $count
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
      (br_if $count (local.get $rest)))
    (local.set $digit (local.get $end))
    (loop $next
      (local.set $digit (i32.sub (local.get $digit) (i32.const 1)))
      (i32.store8 (local.get $digit) (i32.add (i32.const 48) (i32.rem_u (local.get $code) (i32.const 10))))
      (local.set $code (i32.div_u (local.get $code) (i32.const 10)))
      (br_if $next (local.get $code)))
    (call $log (i32.const 3) (i32.const 0) (local.get $end)))

  (func (export "proc_raise") (param $signal i32) (result i32) (i32.const 52)) ;; nosys

  ;; Time.

  (func (export "clock_res_get") (param $clock i32) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (i32.const 28)))) ;; inval
    (i64.store (local.get $out) (i64.const 1))
    (i32.const 0))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $out) (select (i64.const 0) (global.get $now) (i32.gt_u (local.get $clock) (i32.const 1))))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; What is waited for beside a clock is there at once; otherwise the earliest of the clocks' times is.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $since i64) (local $sent i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $since (global.get $now))
    (global.set $now (call $earliest (local.get $in) (local.get $count) (local.get $since)))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (if (i64.le_u (call $due (local.get $in) (local.get $since)) (global.get $now)) (then
        (call $event (local.get $in) (local.get $out))
        (local.set $out (i32.add (local.get $out) (i32.const 32)))
        (local.set $sent (i32.add (local.get $sent) (i32.const 1)))))
      (local.set $in (i32.add (local.get $in) (i32.const 48)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.store (local.get $events) (local.get $sent))
    (i32.const 0))

  ;; Returns when the first subscription is due: never before `since`.
  (func $earliest (param $in i32) (param $count i32) (param $since i64) (result i64)
    (local $earliest i64) (local $due i64)
    (local.set $earliest (i64.const 0x7fffffffffffffff))
    (loop $next
      (local.set $due (call $due (local.get $in) (local.get $since)))
      (if (i64.lt_u (local.get $due) (local.get $earliest)) (then (local.set $earliest (local.get $due))))
      (local.set $in (i32.add (local.get $in) (i32.const 48)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $next (local.get $count)))
    (select (local.get $since) (local.get $earliest) (i64.lt_u (local.get $earliest) (local.get $since))))

  ;; Returns when a subscription that is made at `since` is due.
  (func $due (param $in i32) (param $since i64) (result i64)
    (local $due i64)
    (if (i32.eqz (call $waits (local.get $in))) (then (return (local.get $since))))
    (local.set $due (i64.load offset=24 (local.get $in)))
    (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1))) (then
      (local.set $due (i64.add (local.get $due) (local.get $since)))
      (if (i64.lt_u (local.get $due) (local.get $since)) (then (local.set $due (i64.const -1))))))
    (select (local.get $due) (i64.const 0x7fffffffffffffff) (i64.ge_s (local.get $due) (i64.const 0))))

  ;; Whether a subscription is for a clock that moves.
  (func $waits (param $in i32) (result i32)
    (i32.and
      (i32.eqz (i32.load8_u offset=8 (local.get $in)))
      (i32.lt_u (i32.load offset=16 (local.get $in)) (i32.const 2))))

  (func $event (param $in i32) (param $out i32)
    (memory.fill (local.get $out) (i32.const 0) (i32.const 32))
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
    (i32.store16 offset=8 (local.get $out) (call $event_error (local.get $in))))

  (func $event_error (param $in i32) (result i32)
    (if (i32.eqz (i32.load8_u offset=8 (local.get $in))) (then
      (return (select (i32.const 0) (i32.const 58) (call $waits (local.get $in)))))) ;; notsup
    (call $terminal (i32.load offset=16 (local.get $in))))

  ;; Randomness.

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $word i64) (local $left i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (if (i32.eqz (local.get $left)) (then
        (local.set $word (call $draw))
        (local.set $left (i32.const 8))))
      (i64.store8 (local.get $at) (local.get $word))
      (local.set $word (i64.shr_u (local.get $word) (i64.const 8)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (i32.const 0))

  (func $draw (result i64)
    (global.set $random (i64.add (global.get $random) (i64.const 0x9e3779b97f4a7c15)))
    (call $xor_shifted
      (i64.mul
        (call $xor_shifted
          (i64.mul (call $xor_shifted (global.get $random) (i64.const 30)) (i64.const 0xbf58476d1ce4e5b9))
          (i64.const 27))
        (i64.const 0x94d049bb133111eb))
      (i64.const 31)))

  (func $xor_shifted (param $value i64) (param $by i64) (result i64)
    (i64.xor (local.get $value) (i64.shr_u (local.get $value) (local.get $by))))

  ;; Arguments and environment.

  (func (export "args_sizes_get") (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func (export "args_get") (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  ;; Descriptors.

  ;; Returns 0 for the three terminals, `badf` for everything else.
  (func $terminal (param $fd i32) (result i32)
    (select (i32.const 0) (i32.const 8) (i32.lt_u (local.get $fd) (i32.const 3))))

  ;; Returns `error` for the three terminals, `badf` for everything else.
  (func $no_file (param $fd i32) (param $error i32) (result i32)
    (select (local.get $error) (i32.const 8) (i32.lt_u (local.get $fd) (i32.const 3))))

  (func (export "fd_read") (param $fd i32) (param $pieces i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))
  (func (export "fd_close") (param $fd i32) (result i32) (call $terminal (local.get $fd)))
  (func (export "fd_fdstat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.ge_u (local.get $fd) (i32.const 3)) (then (return (i32.const 8))))
    (memory.fill (local.get $out) (i32.const 0) (i32.const 24))
    (i32.store8 (local.get $out) (i32.const 2)) ;; character device
    (i64.store offset=8 (local.get $out) ;; may be polled, and read or written
      (i64.or (i64.const 0x8000000) (select (i64.const 0x40) (i64.const 0x2) (local.get $fd))))
    (i32.const 0))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param $flags i32) (result i32)
    (call $terminal (local.get $fd)))
  (func (export "fd_fdstat_set_rights") (param $fd i32) (param i64 i64) (result i32) (call $terminal (local.get $fd)))
  (func (export "fd_filestat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.ge_u (local.get $fd) (i32.const 3)) (then (return (i32.const 8))))
    (memory.fill (local.get $out) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get $out) (i32.const 2)) ;; character device
    (i64.store offset=24 (local.get $out) (i64.const 1)) ;; links
    (i32.const 0))
  (func (export "fd_filestat_set_size") (param $fd i32) (param i64) (result i32)
    (call $no_file (local.get $fd) (i32.const 28))) ;; inval
  (func (export "fd_filestat_set_times") (param $fd i32) (param i64 i64 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 63))) ;; perm
  (func (export "fd_allocate") (param $fd i32) (param i64 i64) (result i32)
    (call $no_file (local.get $fd) (i32.const 70))) ;; spipe
  (func (export "fd_advise") (param $fd i32) (param i64 i64 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 70)))
  (func (export "fd_seek") (param $fd i32) (param i64 i32 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 70)))
  (func (export "fd_tell") (param $fd i32) (param i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 70)))
  (func (export "fd_pread") (export "fd_pwrite") (param $fd i32) (param i32 i32 i64 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 70)))
  (func (export "fd_sync") (export "fd_datasync") (param $fd i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 28)))
  (func (export "fd_renumber") (param $from i32) (param $to i32) (result i32)
    (i32.or (call $terminal (local.get $from)) (call $no_file (local.get $to) (i32.const 58)))) ;; notsup
  (func (export "fd_readdir") (param $fd i32) (param i32 i32 i64 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 54))) ;; notdir
  (func (export "fd_prestat_get") (param $fd i32) (param i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param $fd i32) (param i32 i32) (result i32) (i32.const 8))

  ;; Paths.

  (func (export "path_create_directory") (export "path_remove_directory") (export "path_unlink_file")
    (param i32 i32 i32) (result i32) (i32.const 44)) ;; noent
  (func (export "path_filestat_get") (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 44))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 44))
  (func (export "path_readlink") (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))

  ;; Sockets.

  (func (export "sock_accept") (param $fd i32) (param i32 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 57))) ;; notsock
  (func (export "sock_recv") (param $fd i32) (param i32 i32 i32 i32 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 57)))
  (func (export "sock_send") (param $fd i32) (param i32 i32 i32 i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 57)))
  (func (export "sock_shutdown") (param $fd i32) (param i32) (result i32)
    (call $no_file (local.get $fd) (i32.const 57)))
)
