//! Flatbuffers: tables of members that may be missing, as Arrow writes its metadata.
//!
//! Never trusts a byte: what does not lie in the buffer is nothing.

/// A table of a flatbuffer. Every access is checked, since the bytes may be anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    pub(crate) fn root(bytes: &'a [u8]) -> Option<Self> {
        Self { bytes, at: 0 }.follow(0)
    }

    /// The place of a member, if the table has it.
    fn member(&self, index: usize) -> Option<usize> {
        let back = i32::from_le_bytes(self.read(self.at)?);
        let layout = usize::try_from(i64::try_from(self.at).ok()? - i64::from(back)).ok()?;
        let size = usize::from(u16::from_le_bytes(self.read(layout)?));
        // Before the offsets stand the sizes of the layout and of the table.
        let entry = 4 + 2 * index;
        if entry + 2 > size {
            return None;
        }
        match u16::from_le_bytes(self.read(layout.checked_add(entry)?)?) {
            0 => None,
            offset => self.at.checked_add(usize::from(offset)),
        }
    }

    pub(crate) fn byte(&self, index: usize) -> Option<u8> {
        self.bytes.get(self.member(index)?).copied()
    }

    pub(crate) fn short(&self, index: usize) -> Option<i16> {
        Some(i16::from_le_bytes(self.read(self.member(index)?)?))
    }

    pub(crate) fn int(&self, index: usize) -> Option<i32> {
        Some(i32::from_le_bytes(self.read(self.member(index)?)?))
    }

    pub(crate) fn long(&self, index: usize) -> Option<i64> {
        Some(i64::from_le_bytes(self.read(self.member(index)?)?))
    }

    pub(crate) fn table(&self, index: usize) -> Option<Self> {
        self.follow(self.member(index)?)
    }

    pub(crate) fn text(&self, index: usize) -> Option<String> {
        let text = self.table(index)?;
        let length = text.length(text.at)?;
        let start = text.at.checked_add(4)?;
        String::from_utf8(self.bytes.get(start..start.checked_add(length)?)?.to_vec()).ok()
    }

    pub(crate) fn tables(&self, index: usize) -> Option<Vec<Self>> {
        let list = self.table(index)?;
        let start = list.at.checked_add(4)?;
        let entries = self.bytes.get(start..)?.chunks_exact(4).take(list.length(list.at)?).enumerate();
        entries.map(|(index, _)| self.follow(start + 4 * index)).collect()
    }

    /// What the offset at `at` leads to.
    fn follow(&self, at: usize) -> Option<Self> {
        Some(Self { bytes: self.bytes, at: at.checked_add(self.length(at)?)? })
    }

    /// The bytes of a list of structures of `size` bytes each.
    pub(crate) fn structures(&self, index: usize, size: usize) -> Option<std::slice::ChunksExact<'a, u8>> {
        let list = self.table(index)?;
        let start = list.at.checked_add(4)?;
        let length = list.length(list.at)?.checked_mul(size)?;
        Some(self.bytes.get(start..start.checked_add(length)?)?.chunks_exact(size))
    }

    fn length(&self, at: usize) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.read(at)?)).ok()
    }

    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}
