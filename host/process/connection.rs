//! Frames over a socket: bytes with a length before them, and open files beside them.
//!
//! Never knows what the bytes mean.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | the length of what follows the header, little endian as all numbers |
//! | 4..8 | the number of files that the kernel hands over with the header |
//! | the rest | the content |
#![expect(unsafe_code, reason = "descriptors come from the kernel as numbers")]

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// The largest content of a frame, in bytes. What is larger travels in a file.
const LARGEST: usize = 64 << 20;

/// The most files of one frame.
const MOST_FILES: usize = 8;

/// How often someone who waits asks whether to go on.
const LOOK: Duration = Duration::from_millis(20);

/// What is made room for at once, in bytes: a length that is only said takes no memory.
const STEP: usize = 1 << 20;

/// The length of a header, in bytes.
const HEADER: usize = 8;

/// What was received at once.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) files: Vec<File>,
}

/// One end of the socket between a supervisor and its worker.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
}

impl Connection {
    /// Two ends that are connected.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Self::over(ours)?, theirs.into()))
    }

    /// The end that a worker has as its standard input.
    pub(crate) fn of_worker() -> io::Result<Self> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Self::over(stream)
    }

    fn over(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(LOOK))?;
        Ok(Self { stream })
    }

    /// Sends one frame. If the other end is gone, returns an error.
    pub(crate) fn send(&self, bytes: &[u8], files: &[&File]) -> io::Result<()> {
        self.send_while(bytes, files, || Ok(()))
    }

    /// Does the same. While the other end does not take it, asks `go_on` again and again, whose error ends the wait.
    pub(crate) fn send_while(
        &self,
        bytes: &[u8],
        files: &[&File],
        mut go_on: impl FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        if bytes.len() > LARGEST || files.len() > MOST_FILES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a frame is too large"));
        }
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&(files.len() as u32).to_le_bytes());
        let numbers: Vec<RawFd> = files.iter().map(|file| file.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let rights = if numbers.is_empty() { &[][..] } else { &rights };
        let parts = [IoSlice::new(&header), IoSlice::new(bytes)];
        let sent = loop {
            match sendmsg::<()>(self.stream.as_raw_fd(), &parts, rights, NO_SIGNAL, None) {
                Err(nix::Error::EAGAIN) => go_on()?,
                Err(nix::Error::EINTR) => {}
                sent => break sent?,
            }
        };
        // The files travel with the first byte. The rest of a long frame follows.
        self.write(&header[sent.min(HEADER)..], &mut go_on)?;
        self.write(&bytes[sent.saturating_sub(HEADER)..], &mut go_on)
    }

    fn write(&self, mut bytes: &[u8], go_on: &mut impl FnMut() -> io::Result<()>) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&self.stream).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => go_on()?,
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    /// Waits for one frame; `None` if the other end is gone. While it waits, it asks `go_on` again and again, whose error
    /// ends the wait.
    pub(crate) fn receive(&self, mut go_on: impl FnMut() -> io::Result<()>) -> io::Result<Option<Frame>> {
        let mut header = [0; HEADER];
        let Some((read, files)) = self.header(&mut header, &mut go_on)? else { return Ok(None) };
        if !self.fill(&mut header[read..], &mut go_on)? {
            return Ok(None);
        }
        let number =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
        if number(0) > LARGEST || number(4) != files.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what arrived is not a frame"));
        }
        let bytes = self.content(number(0), &mut go_on)?;
        Ok(bytes.map(|bytes| Frame { bytes, files }))
    }

    /// Reads `len` bytes; `None` if the other end is gone before.
    fn content(&self, len: usize, go_on: &mut impl FnMut() -> io::Result<()>) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let read = bytes.len();
            bytes.resize(len.min(read + STEP), 0);
            if !self.fill(&mut bytes[read..], go_on)? {
                return Ok(None);
            }
        }
        Ok(Some(bytes))
    }

    /// Reads the first bytes of a header, and takes the files that come with them.
    fn header(
        &self,
        header: &mut [u8],
        go_on: &mut impl FnMut() -> io::Result<()>,
    ) -> io::Result<Option<(usize, Vec<File>)>> {
        loop {
            let mut space = nix::cmsg_space!([RawFd; MOST_FILES]);
            let mut parts = [IoSliceMut::new(header)];
            match recvmsg::<()>(self.stream.as_raw_fd(), &mut parts, Some(&mut space), CLOSE_ON_EXEC) {
                Err(nix::Error::EAGAIN) => go_on()?,
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::ECONNRESET) => return Ok(None),
                Err(error) => return Err(error.into()),
                Ok(message) => {
                    let read = message.bytes;
                    let mut files = Vec::new();
                    for control in message.cmsgs()? {
                        if let ControlMessageOwned::ScmRights(numbers) = control {
                            // SAFETY: the kernel has made these descriptors for this process in this call, and nobody else
                            // knows them.
                            files.extend(numbers.into_iter().map(|number| unsafe { File::from_raw_fd(number) }));
                        }
                    }
                    return Ok((read > 0).then_some((read, files)));
                }
            }
        }
    }

    /// Reads until `into` is full; false if the other end is gone before.
    fn fill(&self, mut into: &mut [u8], go_on: &mut impl FnMut() -> io::Result<()>) -> io::Result<bool> {
        while !into.is_empty() {
            match (&self.stream).read(into) {
                Ok(0) => return Ok(false),
                Ok(read) => into = &mut into[read..],
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => go_on()?,
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset => return Ok(false),
                    _ => return Err(error),
                },
            }
        }
        Ok(true)
    }
}

/// The contents of the frames that `bytes` are, as the end of a socket reads them.
///
/// # Errors
///
/// Returns an error if a header is not one.
pub(crate) fn read_frames(bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let (mut writer, reader) = UnixStream::pair()?;
    std::thread::scope(|scope| {
        // A reader that has seen enough closes its end, and the rest is not written.
        scope.spawn(move || writer.write_all(bytes));
        let reader = Connection::over(reader)?;
        let mut contents = Vec::new();
        while let Some(frame) = reader.receive(|| Ok(()))? {
            contents.push(frame.bytes);
        }
        Ok(contents)
    })
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A worker that is gone is an error of the call, and no signal.
#[cfg(target_os = "linux")]
const NO_SIGNAL: MsgFlags = MsgFlags::MSG_NOSIGNAL;
// Rust's programs ignore the signal anyway.
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: MsgFlags = MsgFlags::empty();

/// Files that are received are not inherited by the next process.
#[cfg(target_os = "linux")]
const CLOSE_ON_EXEC: MsgFlags = MsgFlags::MSG_CMSG_CLOEXEC;
// A process that is started inherits them there, and closes them with its end.
#[cfg(not(target_os = "linux"))]
const CLOSE_ON_EXEC: MsgFlags = MsgFlags::empty();

#[cfg(test)]
mod tests {
    use std::{io::Read as _, thread};

    use super::*;
    use crate::process::MemoryFile;

    fn pair() -> (Connection, Connection) {
        let (one, other) = Connection::pair().unwrap();
        (one, Connection::over(other.into()).unwrap())
    }

    #[test]
    fn frames_arrive_whole_with_their_files() {
        let (one, other) = pair();
        let shared = MemoryFile::holding(b"shared").unwrap();
        for len in [0, 1, 4096, 3 << 20] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let frame = thread::scope(|scope| {
                scope.spawn(|| one.send(&bytes, &[&shared.file, &shared.file]).unwrap());
                other.receive(|| Ok(())).unwrap().unwrap()
            });
            assert_eq!(frame.bytes, bytes);
            let read: Vec<_> = frame.files.iter().map(|file| MemoryFile::read(file, 6).unwrap()).collect();
            assert_eq!(read, [b"shared", b"shared"]);
        }
        drop(one);
        assert!(other.receive(|| Ok(())).unwrap().is_none());
        assert!(other.send(b"x", &[]).is_err());
    }

    #[test]
    fn a_receiver_that_waits_can_be_ended() {
        let (one, other) = pair();
        let mut looks = 0;
        let ended = other.receive(|| {
            looks += 1;
            if looks < 3 { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
        });
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Half a frame, and then nothing: the other end is gone.
        (&one.stream).write_all(&[9, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
        drop(one);
        assert!(other.receive(|| Ok(())).unwrap().is_none());
    }

    #[test]
    fn what_is_not_a_frame_is_an_error() {
        let (one, other) = pair();
        (&one.stream).write_all(&[255; 8]).unwrap();
        assert_eq!(other.receive(|| Ok(())).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut rest = Vec::new();
        drop(one);
        (&other.stream).read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
    }
}
