// SPDX-License-Identifier: MIT
//! How long system calls take, as calls.c has it: a histogram by powers of two, at the end and with -i at each interval.
//!
//!   rustc --edition 2021 --crate-type cdylib -O -C panic=abort -o calls.so calls.rs
//!   perfprof -e raw_syscalls:sys_enter,raw_syscalls:sys_exit ./calls.so
//!
//! The structs are those of perfprof_handler.h, as far as they are used.

// Everything is called on one thread, one after the other.
#![allow(unknown_lints, static_mut_refs)]

use std::collections::HashMap;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::addr_of_mut;

#[repr(C)]
pub struct Event {
    size: u32,
    source: u32,
    record: *const u8,
    record_size: u32,
    cpu: u32,
    time: u64,
    pid: u32,
    tid: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Field {
    source: u32,
    kind: u32,
    offset: u32,
    size: u32,
    base: u32,
    chain: u32,
}

#[repr(C)]
pub struct Host {
    size: u32,
    argc: u32,
    argv: *const *const c_char,
    find: extern "C" fn(*const c_char, *const c_char, *mut Field) -> i32,
    more: [*const c_void; 8],
}

impl Event {
    /// An i64 field of the record itself; 0 where it has none. One behind a call chain (`chain`) moves with that.
    fn i64(&self, field: &Field) -> i64 {
        let end = field.offset as usize + 8;
        if field.source != self.source + 1 || field.size != 8 || field.chain != 0 || end > self.record_size as usize {
            return 0;
        }
        // The record has so many bytes, at any alignment.
        unsafe { self.record.add(field.offset as usize).cast::<i64>().read_unaligned() }
    }
}

const NO_FIELD: Field = Field { source: 0, kind: 0, offset: 0, size: 0, base: 0, chain: 0 };

static mut HOST: *const Host = std::ptr::null();
static mut ENTER_ID: Field = NO_FIELD;
static mut EXIT_ID: Field = NO_FIELD;
static mut CALLS: Option<HashMap<u32, (i64, u64)>> = None;
static mut HISTOGRAM: [u64; 64] = [0; 64];

/// What perfprof finds a handler by. Returns PERFPROF_HANDLER_ABI.
#[no_mangle]
pub extern "C" fn perfprof_attach(host: *const Host) -> u32 {
    unsafe { HOST = host };
    1
}

/// Both texts end with a NUL.
fn find(event: &str, name: &str, field: *mut Field) -> bool {
    unsafe { ((*HOST).find)(event.as_ptr().cast(), name.as_ptr().cast(), field) == 0 }
}

#[no_mangle]
pub extern "C" fn __init__() -> c_int {
    let found = unsafe {
        CALLS = Some(HashMap::new());
        find("raw_syscalls:sys_enter\0", "id\0", addr_of_mut!(ENTER_ID))
            && find("raw_syscalls:sys_exit\0", "id\0", addr_of_mut!(EXIT_ID))
    };
    c_int::from(!found)
}

#[no_mangle]
pub extern "C" fn raw_syscalls__sys_enter(event: &Event) {
    let calls = unsafe { CALLS.as_mut().unwrap() };
    calls.insert(event.tid, (event.i64(unsafe { &ENTER_ID }), event.time));
}

#[no_mangle]
pub extern "C" fn raw_syscalls__sys_exit(event: &Event) {
    let calls = unsafe { CALLS.as_mut().unwrap() };
    if let Some((id, time)) = calls.remove(&event.tid) {
        if id == event.i64(unsafe { &EXIT_ID }) {
            unsafe { HISTOGRAM[63 - ((event.time - time) | 1).leading_zeros() as usize] += 1 };
        }
    }
}

#[no_mangle]
pub extern "C" fn __interval__() {
    let histogram = unsafe { HISTOGRAM };
    for (power, count) in histogram.iter().enumerate().filter(|(_, count)| **count > 0) {
        println!("{:12} ns or more: {}", 1u64 << power, count);
    }
    println!("{} calls", histogram.iter().sum::<u64>());
}

#[no_mangle]
pub extern "C" fn __exit__() {
    __interval__();
}
