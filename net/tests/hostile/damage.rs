//! What is done to a stream of valid frames, as said by a script of bytes.

/// Damages `frames`, five bytes of the script at a time. Says whether anything was changed.
pub(crate) fn damage(frames: &mut Vec<Vec<u8>>, script: &[u8]) -> bool {
    let before = frames.clone();
    for step in script.as_chunks::<5>().0 {
        if frames.is_empty() {
            break;
        }
        let &[what, which, other, at, by] = step;
        let (which, other) = (usize::from(which) % frames.len(), usize::from(other) % frames.len());
        let at = usize::from(at) % frames[which].len().max(1);
        match what % 8 {
            0 => frames.swap(which, other),
            1 => frames.insert(other, frames[which].clone()),
            2 => _ = frames.remove(which),
            3 => frames[which].truncate(at),
            4 => {
                // The rest of another frame in place of this one's.
                let rest = frames[other].get(at..).unwrap_or_default().to_vec();
                frames[which].truncate(at);
                frames[which].extend(rest);
            }
            5 => frames[which].insert(at, by),
            // Not in the length, so that what follows is still read.
            6 => flip(&mut frames[which], at.max(4), by),
            _ => flip(&mut frames[which], at, by),
        }
    }
    *frames != before
}

fn flip(frame: &mut [u8], at: usize, by: u8) {
    if let Some(byte) = frame.get_mut(at) {
        *byte ^= by;
    }
}

/// Cuts bytes that hold whole frames.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while let Some(length) = rest.first_chunk() {
        let (frame, left) = rest.split_at(4 + usize::try_from(u32::from_le_bytes(*length)).unwrap());
        frames.push(frame.to_vec());
        rest = left;
    }
    frames
}
