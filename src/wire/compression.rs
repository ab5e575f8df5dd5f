//! Compressed records: gzip, snappy, lz4 and zstd, in the framing in which Kafka's clients write them.
//!
//! Kafka compresses the records of a batch together, after the header, which stays readable. The codec is in the low
//! three bits of the batch's attributes. What is written here is what Java writes up to the compressors' own choices:
//! headers and block sizes are the same, and any client reads it.
//!
//! What comes from outside may claim anything. Nothing is allocated on a claim beyond [`MAX_DECOMPRESSED`], and damaged
//! data is an error.

use super::records::BatchError;
use bytes::BufMut;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::fmt;
use std::io::{Read, Write};

/// The most bytes that a batch's records may come to when decompressed, and zstd's largest window: 128 MiB, as the
/// decoder behind Kafka's clients has it (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`).
pub const MAX_DECOMPRESSED: usize = 128 << 20;

/// How the records of a batch are compressed (`compression.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Compression {
    /// Not at all.
    None,
    /// Deflate in gzip's format.
    Gzip,
    /// Snappy blocks in the xerial framing.
    Snappy,
    /// Lz4 blocks in an lz4 frame.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Every codec, in the order of their ids.
pub const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

impl Compression {
    /// The codec in a batch's attributes; none for an id that no Kafka has.
    pub fn of_attributes(attributes: i16) -> Option<Self> {
        CODECS.get((attributes & 7) as usize).copied()
    }

    /// Its number in a batch's attributes.
    pub fn id(self) -> i16 {
        self as i16
    }

    /// Its name in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The level at which it compresses unless told otherwise (KIP-390). Snappy has none.
    pub fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Snappy => 0,
            Self::Gzip => -1,
            Self::Lz4 => 9,
            Self::Zstd => 3,
        }
    }

    /// Compresses records. Gzip heeds the level; the compressors of lz4 and zstd have one strength, near the weakest of
    /// theirs, whatever the level.
    pub fn compress(self, plain: &[u8], level: i32) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Gzip => gzip(plain, level),
            Self::Snappy => snappy(plain),
            Self::Lz4 => lz4(plain),
            Self::Zstd => ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest),
        }
    }

    /// Decompresses records.
    ///
    /// # Errors
    /// When they are damaged, or come to more than [`MAX_DECOMPRESSED`].
    pub fn decompress(self, packed: &[u8]) -> Result<Vec<u8>, BatchError> {
        let damaged = |why: String| BatchError::Decompress(self, why);
        match self {
            Self::None => Ok(packed.to_vec()),
            Self::Gzip => read_all(flate2::read::MultiGzDecoder::new(packed)).map_err(damaged),
            Self::Snappy => unsnappy(packed).map_err(damaged),
            Self::Lz4 => unlz4(packed).map_err(damaged),
            Self::Zstd => unzstd(packed).map_err(damaged),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const TOO_LARGE: &str = "the records come to more than 128 MiB";
const CUT_SHORT: &str = "the compressed records are cut short";

fn read_all(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    reader.take(MAX_DECOMPRESSED as u64 + 1).read_to_end(&mut plain).map_err(|e| e.to_string())?;
    if plain.len() > MAX_DECOMPRESSED { Err(TOO_LARGE.into()) } else { Ok(plain) }
}

/// As `java.util.zip.GZIPOutputStream`: no name, no date, system "unknown".
fn gzip(plain: &[u8], level: i32) -> Vec<u8> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let level = u32::try_from(level).map_or(flate2::Compression::default(), flate2::Compression::new);
    let mut encoder = flate2::write::DeflateEncoder::new(HEADER.to_vec(), level);
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    encoder.write_all(plain).expect("memory takes it");
    let mut out = encoder.finish().expect("memory takes it");
    out.put_u32_le(crc.sum());
    out.put_u32_le(plain.len() as u32);
    out
}

/// The header of snappy-java's `SnappyOutputStream`: its name, its version, the oldest version that reads it.
const XERIAL: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const XERIAL_NAME: usize = 8;
/// How much of the records one snappy block holds.
const SNAPPY_BLOCK: usize = 32 << 10;

fn snappy(plain: &[u8]) -> Vec<u8> {
    let mut out = XERIAL.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    for block in plain.chunks(SNAPPY_BLOCK) {
        let packed = encoder.compress_vec(block).expect("a block is shorter than snappy's limit");
        out.put_u32(packed.len() as u32);
        out.extend(packed);
    }
    out
}

/// Reads the xerial framing; without its header the whole is one snappy block, as `SnappyInputStream` takes it.
fn unsnappy(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    if !packed.starts_with(&XERIAL[..XERIAL_NAME]) {
        unsnap(packed, &mut plain)?;
        return Ok(plain);
    }
    let mut rest = packed.get(XERIAL.len()..).ok_or(CUT_SHORT)?;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or(CUT_SHORT)?;
        let length = u32::from_be_bytes(*length) as usize;
        unsnap(behind.get(..length).ok_or(CUT_SHORT)?, &mut plain)?;
        rest = &behind[length..];
    }
    Ok(plain)
}

fn unsnap(block: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
    let length = snap::raw::decompress_len(block).map_err(|e| e.to_string())?;
    let start = plain.len();
    if length > MAX_DECOMPRESSED - start {
        return Err(TOO_LARGE.into());
    }
    // Snappy's best is 64 bytes in three: a longer claim is not worth its memory.
    if length / 32 > block.len() {
        return Err(CUT_SHORT.into());
    }
    plain.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut plain[start..]).map_err(|e| e.to_string())?;
    Ok(())
}

const LZ4_MAGIC: u32 = 0x184d_2204;
/// Version 1, blocks that do not need each other, no checksums, no size (`Lz4BlockOutputStream.FLG`).
const LZ4_FLAGS: u8 = 0x60;
/// The block descriptor: blocks of up to 64 KiB.
const LZ4_BLOCKS: u8 = 0x40;
const LZ4_BLOCK: usize = 64 << 10;
/// The bit of a block's length that says that the block is not compressed.
const LZ4_PLAIN: u32 = 1 << 31;

fn lz4(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32_le(LZ4_MAGIC);
    out.extend([LZ4_FLAGS, LZ4_BLOCKS, lz4_header_check(&[LZ4_FLAGS, LZ4_BLOCKS])]);
    for block in plain.chunks(LZ4_BLOCK) {
        let packed = lz4_flex::block::compress(block);
        if packed.len() < block.len() {
            out.put_u32_le(packed.len() as u32);
            out.extend(packed);
        } else {
            out.put_u32_le(block.len() as u32 | LZ4_PLAIN);
            out.extend(block);
        }
    }
    out.put_u32_le(0);
    out
}

fn lz4_header_check(descriptor: &[u8]) -> u8 {
    (xxhash_rust::xxh32::xxh32(descriptor, 0) >> 8) as u8
}

/// What a frame's header says of its blocks.
struct Lz4Frame {
    max_block: usize,
    checked_blocks: bool,
}

fn unlz4(packed: &[u8]) -> Result<Vec<u8>, String> {
    let (frame, mut rest) = lz4_header(packed)?;
    let mut plain = Vec::new();
    loop {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or(CUT_SHORT)?;
        let word = u32::from_le_bytes(*length);
        let length = (word & !LZ4_PLAIN) as usize;
        // The checksum of the whole that may follow is not looked at, as in `Lz4BlockInputStream`.
        if length == 0 {
            return Ok(plain);
        }
        if length > frame.max_block {
            return Err(format!("Block size {length} exceeded max: {}", frame.max_block));
        }
        let block = behind.get(..length).ok_or(CUT_SHORT)?;
        if word & LZ4_PLAIN == 0 {
            unlz4_block(block, frame.max_block, &mut plain)?;
        } else {
            plain.extend_from_slice(block);
        }
        if plain.len() > MAX_DECOMPRESSED {
            return Err(TOO_LARGE.into());
        }
        rest = &behind[length..];
        if frame.checked_blocks {
            let (check, behind) = rest.split_first_chunk::<4>().ok_or(CUT_SHORT)?;
            if u32::from_le_bytes(*check) != xxhash_rust::xxh32::xxh32(block, 0) {
                return Err("Block checksum mismatch".into());
            }
            rest = behind;
        }
    }
}

fn unlz4_block(block: &[u8], max_block: usize, plain: &mut Vec<u8>) -> Result<(), String> {
    let start = plain.len();
    // Lz4 makes at most 255 bytes of one.
    plain.resize(start + max_block.min(block.len() * 255), 0);
    let length = lz4_flex::block::decompress_into(block, &mut plain[start..]).map_err(|e| e.to_string())?;
    plain.truncate(start + length);
    Ok(())
}

/// Reads a frame's header, with what Kafka can read of the format (`Lz4BlockInputStream`).
fn lz4_header(packed: &[u8]) -> Result<(Lz4Frame, &[u8]), String> {
    let (magic, rest) = packed.split_first_chunk::<4>().ok_or(CUT_SHORT)?;
    if u32::from_le_bytes(*magic) != LZ4_MAGIC {
        return Err("Stream unsupported (invalid magic bytes)".into());
    }
    let [flags, blocks] = *rest.first_chunk::<2>().ok_or(CUT_SHORT)?;
    if flags >> 6 != 1 || flags & 0x20 == 0 || flags & 0x02 != 0 || blocks & 0x8f != 0 {
        return Err("an lz4 frame of a kind that Kafka does not read".into());
    }
    let max_block = match blocks >> 4 {
        size @ 4..=7 => 1 << (2 * size + 8),
        size => return Err(format!("Block size value {size} must be between 4 and 7")),
    };
    let length = if flags & 0x08 == 0 { 2 } else { 10 };
    let descriptor = rest.get(..length).ok_or(CUT_SHORT)?;
    let check = *rest.get(length).ok_or(CUT_SHORT)?;
    if check != lz4_header_check(descriptor) {
        return Err("Stream frame descriptor corrupted".into());
    }
    Ok((Lz4Frame { max_block, checked_blocks: flags & 0x10 != 0 }, &rest[length + 1..]))
}

fn unzstd(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_DECOMPRESSED as u64);
    read_all(StreamingDecoder::new_with_decoder(packed, decoder).map_err(|e| e.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    /// Records of many kinds: none, repetitive, and noise over several blocks.
    fn samples() -> Vec<Vec<u8>> {
        let mut rng = Rng::stream(1, "samples");
        let noise = |length: usize, rng: &mut Rng| (0..length).map(|_| rng.below(256) as u8).collect::<Vec<_>>();
        let mixed = [noise(40_000, &mut rng), vec![7; 90_000], noise(70_000, &mut rng)].concat();
        vec![Vec::new(), b"a".to_vec(), vec![b'.'; 500_000], noise(200_000, &mut rng), mixed]
    }

    #[test]
    fn what_is_compressed_comes_back() {
        for codec in CODECS {
            assert_eq!(Compression::of_attributes(codec.id()), Some(codec));
            for plain in samples() {
                let packed = codec.compress(&plain, codec.default_level());
                assert_eq!(codec.decompress(&packed).as_deref(), Ok(&plain[..]), "{codec}, {} bytes", plain.len());
            }
        }
        assert_eq!(Compression::of_attributes(5), None);
        let text = b"the same, the same, the same, the same, the same, the same, the same".repeat(20);
        assert!(CODECS[1..].iter().all(|codec| codec.compress(&text, codec.default_level()).len() < text.len() / 2));
        assert!(gzip(&text, 9).len() <= gzip(&text, 1).len());
    }

    #[test]
    fn damaged_data_is_an_error_or_other_data_and_never_more() {
        let mut rng = Rng::stream(2, "damage");
        for codec in &CODECS[1..] {
            for plain in samples().into_iter().filter(|plain| plain.len() < 200_000) {
                let packed = codec.compress(&plain, codec.default_level());
                for _ in 0..60 {
                    let mut damaged = packed.clone();
                    for _ in 0..=rng.below(3) {
                        let at = rng.below(damaged.len() as u64) as usize;
                        match rng.below(3) {
                            0 => damaged.truncate(at.max(1)),
                            1 => damaged[at] = rng.below(256) as u8,
                            _ => damaged.insert(at, rng.below(256) as u8),
                        }
                    }
                    if let Ok(read) = codec.decompress(&damaged) {
                        assert!(read.len() <= MAX_DECOMPRESSED);
                    }
                }
                for _ in 0..20 {
                    let noise: Vec<u8> = (0..rng.below(300)).map(|_| rng.below(256) as u8).collect();
                    drop(codec.decompress(&noise));
                    drop(codec.decompress(&[&packed[..packed.len().min(20)], &noise].concat()));
                }
            }
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = vec![0; MAX_DECOMPRESSED + 1];
        for codec in [Compression::Gzip, Compression::Lz4] {
            let packed = codec.compress(&bomb, 1);
            assert_eq!(codec.decompress(&packed), Err(BatchError::Decompress(codec, TOO_LARGE.into())), "{codec}");
        }
        // A block of a few bytes that claims gigabytes.
        let claim = [&XERIAL[..], &[0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]].concat();
        assert!(Compression::Snappy.decompress(&claim).is_err());
        // A frame whose window is larger than any decoder of Kafka's takes.
        assert!(Compression::Zstd.decompress(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0]).is_err());
    }

    #[test]
    fn the_framing_is_javas() {
        assert_eq!(Compression::Gzip.compress(b"a", -1)[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(
            Compression::Lz4.compress(b"a", 9),
            [4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 1, 0, 0, 0x80, b'a', 0, 0, 0, 0]
        );
        let snappy = Compression::Snappy.compress(b"a", 0);
        assert_eq!(snappy, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x03\x01\0a");
    }
}
