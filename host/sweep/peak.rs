//! The memory that this process and its worker processes have had at most.
//!
//! Never measures a single task: the system counts by process.

/// Bytes of memory that this process and those that it started have had in use at the same time at most, each for itself;
/// `None` where the system does not say it.
#[cfg(target_os = "linux")]
pub(super) fn peak_memory() -> Option<u64> {
    let own = peak_of("self")?;
    Some(own + children().iter().filter_map(|child| peak_of(child)).sum::<u64>())
}

/// Bytes that the process has had resident at most.
#[cfg(target_os = "linux")]
fn peak_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The processes that threads of this one have started; none where the kernel does not list them.
#[cfg(target_os = "linux")]
fn children() -> Vec<String> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let of = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).ok();
    let lists = threads.flatten().filter_map(of);
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn peak_memory() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_some_memory() {
        let before = super::peak_memory().unwrap();
        let block = vec![1_u8; 64 << 20];
        let after = super::peak_memory().unwrap();
        assert!(before > 1 << 20 && after >= block.len() as u64, "{before}, then {after}");
    }
}
