//! The choice of the device that sums the draws: the CPU or a GPU.
//!
//! Never changes a result: reports have the same bits on all devices.

mod cuda;
mod gpu;

use std::{fmt, str::FromStr};

use serde::Deserialize;

pub use self::gpu::GpuError;
use self::{cuda::Cuda, gpu::Gpu};
use super::{
    draws::Draws,
    returns::TrustError,
    sums::{PrefixSums, Products},
};

/// The multiplications and additions from which on a GPU pays: some 40 s of one core.
const MUCH_WORK: f64 = 1e12;

const GIBIBYTE: f64 = (1_u64 << 30) as f64;

/// What may be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The GPU where there is one and the work is much; else, and where it fails, the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU, by CUDA; an error where it cannot be used or fails.
    Cuda,
}

impl DeviceChoice {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Cpu, Self::Cuda];

    /// Its name: `auto`, `cpu` or `cuda`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|device| device.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a device; give `auto`, `cpu` or `cuda`"))
    }
}

impl Device {
    /// Whether it is worth telling: a GPU was used, or looked for.
    #[must_use]
    pub fn is_remarkable(&self) -> bool {
        !matches!(self, Self::Cpu(Reason::Asked | Reason::LittleWork { .. }))
    }
}

/// The device that sums draws, and why it does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Device {
    /// The CPU.
    Cpu(Reason),
    /// A GPU, by CUDA.
    Cuda {
        /// What its driver calls it.
        name: String,
        /// Its memory, in bytes.
        memory: u64,
        /// Why the CPU did the rest, where it had to.
        lost: Option<GpuError>,
    },
}

/// Why the CPU sums the draws.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It was asked for.
    Asked,
    /// The GPU would not pay.
    LittleWork {
        /// Multiplications and additions of the product.
        operations: f64,
    },
    /// There is no GPU that can be used.
    NoGpu(GpuError),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(Reason::Asked) => f.write_str("cpu: asked for"),
            Self::Cpu(Reason::LittleWork { operations }) => {
                write!(f, "cpu: the work of {operations:.1e} operations is below that for which a GPU pays")
            }
            Self::Cpu(Reason::NoGpu(error)) => write!(f, "cpu: {error}"),
            Self::Cuda { name, memory, lost } => {
                write!(f, "cuda: {name}, {:.0} GiB", *memory as f64 / GIBIBYTE)?;
                lost.as_ref().map_or(Ok(()), |error| write!(f, "; the CPU did the rest, since {error}"))
            }
        }
    }
}

/// A device that is ready to sum draws.
#[derive(Debug)]
pub struct Chosen(Work);

#[derive(Debug)]
enum Work {
    Cpu(Reason),
    Cuda(Box<Cuda>),
}

impl Chosen {
    /// The device for `draws` over `cells` cells. A GPU is tried on a small product before it is trusted.
    ///
    /// # Errors
    ///
    /// [`TrustError::Device`] where CUDA was asked for and cannot be used.
    pub fn new(choice: DeviceChoice, draws: &Draws, cells: usize) -> Result<Self, TrustError> {
        let operations = 2.0 * draws.count() as f64 * draws.periods() as f64 * cells as f64;
        let reason = match choice {
            DeviceChoice::Cpu => Reason::Asked,
            DeviceChoice::Auto if operations <= MUCH_WORK => Reason::LittleWork { operations },
            DeviceChoice::Auto | DeviceChoice::Cuda => {
                match Gpu::open().and_then(|gpu| Cuda::new(gpu, draws, choice == DeviceChoice::Auto)) {
                    Ok(cuda) => return Ok(Self(Work::Cuda(Box::new(cuda)))),
                    Err(error) if choice == DeviceChoice::Cuda => return Err(error.into()),
                    Err(error) => Reason::NoGpu(error),
                }
            }
        };
        Ok(Self(Work::Cpu(reason)))
    }

    /// What sums draws.
    #[must_use]
    pub fn products(&self) -> &dyn Products {
        match &self.0 {
            Work::Cpu(_) => &PrefixSums,
            Work::Cuda(cuda) => cuda.as_ref(),
        }
    }

    /// The device, as it is now: a GPU may be lost while it works.
    #[must_use]
    pub fn device(&self) -> Device {
        match &self.0 {
            Work::Cpu(reason) => Device::Cpu(reason.clone()),
            Work::Cuda(cuda) => {
                let (name, memory) = cuda.name_and_memory();
                Device::Cuda { name, memory, lost: cuda.lost().cloned() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_says_why_it_was_chosen() {
        let draws = Draws::stationary(8_000, 1_000, 20.0, 1).unwrap();
        let device = |choice, cells| Chosen::new(choice, &draws, cells).unwrap().device().to_string();
        assert_eq!(device(DeviceChoice::Cpu, 1), "cpu: asked for");
        let little = "cpu: the work of 1.6e11 operations is below that for which a GPU pays";
        assert_eq!(device(DeviceChoice::Auto, 10_000), little);
        let lost = Some(GpuError::NoCublas);
        let device = Device::Cuda { name: "NVIDIA H200".to_owned(), memory: 139 << 30, lost: None };
        assert_eq!(device.to_string(), "cuda: NVIDIA H200, 139 GiB");
        let Device::Cuda { name, memory, .. } = device else { return };
        let text = Device::Cuda { name, memory, lost }.to_string();
        assert!(text.starts_with("cuda: NVIDIA H200, 139 GiB; the CPU did the rest, since cuBLAS"), "{text}");
    }
}
