//! Frames and messages between worker processes and their supervisor, in both directions.
//!
//! An input is what arrives at one end of the socket. Never has files beside it: the kernel hands those over.

use host::worker::{frames, rewritten};

use super::message;

/// The length of a frame's header, in bytes.
const HEADER: usize = 8;

/// Reads the frames, each as every message; and what lies behind the first header, whatever length that tells.
pub(super) fn run(input: &[u8]) {
    match frames(input) {
        Ok(contents) => check_frames(input, &contents),
        Err(error) => message::check(&error),
    }
    check_messages(input.get(HEADER..).unwrap_or_default());
}

/// Frames are what the input begins with, in its order; the rest is less than a frame.
fn check_frames(mut input: &[u8], contents: &[Vec<u8>]) {
    for content in contents {
        let (length, rest) = input.split_first_chunk().expect("a frame has a header");
        assert_eq!(u32::from_le_bytes(*length) as usize, content.len());
        let rest = rest.strip_prefix(&[0; 4]).expect("a frame without files says so");
        input = rest.strip_prefix(&content[..]).expect("the content follows");
        check_messages(content);
    }
}

/// What is read as a message is written so that the same is read again.
fn check_messages(content: &[u8]) {
    for (place, read) in rewritten(content).into_iter().enumerate() {
        match read {
            Ok(written) => match rewritten(&written).swap_remove(place) {
                Ok(again) => assert_eq!(written, again, "message {place} is another one after it was written"),
                Err(error) => panic!("message {place} is written so that it cannot be read: {error}"),
            },
            Err(error) => message::check(&error),
        }
    }
}
