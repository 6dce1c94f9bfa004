//! Adapters, and an open device whose failures become errors.

use std::fmt::{self, Display, Formatter};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use serde::Serialize;
use wgpu::{BufferUsages, Features, Limits};

use crate::error::{Error, ErrorKind, Result, one_line};

/// A GPU, or a driver that simulates one on the CPU.
#[derive(Clone, Debug, Serialize)]
pub struct Adapter {
    /// The name that its driver gives. It is empty in most browsers, which keep it secret.
    pub name: String,
    /// The interface through which it is used: `vulkan`, `metal`, `dx12` or `webgpu`.
    pub backend: String,
    /// The driver and its version, if they are known.
    pub driver: String,
    /// Whether it computes on the CPU, where this library itself is faster.
    pub software: bool,
    /// Whether it has 16-bit floats.
    pub f16: bool,
    #[serde(skip)]
    inner: wgpu::Adapter,
}

/// The adapters of this machine. The one that should be fastest comes first. A browser gives at most
/// one.
pub async fn adapters() -> Vec<Adapter> {
    let backends = wgpu::Backends::PRIMARY;
    let descriptor = wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let mut adapters = wgpu::Instance::new(descriptor).enumerate_adapters(backends).await;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters.into_iter().map(Adapter::new).collect()
}

impl Adapter {
    /// The first of [`adapters`].
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`] if there is none.
    pub async fn fastest() -> Result<Adapter> {
        let first = adapters().await.into_iter().next();
        first.ok_or_else(|| failed("there is none, or its driver is not installed"))
    }

    fn new(inner: wgpu::Adapter) -> Adapter {
        let info = inner.get_info();
        let backend = match info.backend {
            wgpu::Backend::BrowserWebGpu => "webgpu".to_owned(),
            other => other.to_string(),
        };
        let known = |text: &str| !text.is_empty();
        let driver = [info.driver.as_str(), info.driver_info.as_str()];
        Adapter {
            backend,
            driver: driver.into_iter().filter(|&part| known(part)).collect::<Vec<_>>().join(" "),
            software: info.device_type == wgpu::DeviceType::Cpu,
            f16: inner.features().contains(Features::SHADER_F16),
            name: info.name,
            inner,
        }
    }
}

/// All that is known of the adapter, which distinguishes it from others.
impl Display for Adapter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Adapter { name, backend, driver, software, f16, .. } = self;
        let floats = if *f16 { "f16" } else { "f32" };
        let software = if *software { "software on the CPU" } else { "" };
        let parts = [name.as_str(), backend, driver, floats, software];
        let known: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        f.write_str(&known.join(", "))
    }
}

/// No batch takes this long. A driver that has not finished by then hangs.
#[cfg(not(target_arch = "wasm32"))]
const BATCH_TIMEOUT: core::time::Duration = core::time::Duration::from_secs(60);

/// An open adapter.
pub(super) struct Device {
    pub inner: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: Limits,
    failure: Arc<Mutex<Option<String>>>,
}

impl Device {
    /// Opens an adapter with all the memory that it can bind. All other limits are those that every
    /// adapter has.
    pub async fn open(adapter: &Adapter, f16: bool) -> Result<Device> {
        let available = adapter.inner.limits();
        let limits = Limits {
            max_storage_buffer_binding_size: available.max_storage_buffer_binding_size,
            max_buffer_size: available.max_buffer_size,
            // Attention with heads of 64 elements needs all of it.
            max_compute_workgroup_storage_size: 16 << 10,
            ..Limits::downlevel_defaults()
        };
        let mut lacking = None;
        limits.check_limits_with_fail_fn(&available, true, |name, needed, has| {
            lacking = Some(format!("its {name} is {has}, and {needed} are needed"));
        });
        if let Some(lacking) = lacking {
            return Err(failed(lacking));
        }
        let descriptor = wgpu::DeviceDescriptor {
            required_features: if f16 { Features::SHADER_F16 } else { Features::empty() },
            required_limits: limits.clone(),
            ..wgpu::DeviceDescriptor::default()
        };
        let opened = adapter.inner.request_device(&descriptor).await;
        let (inner, queue) = opened.map_err(|e| failed(format!("it cannot be opened ({e})")))?;
        let failure = Arc::<Mutex<Option<String>>>::default();
        let keep = failure.clone();
        inner.on_uncaptured_error(Arc::new(move |error| set_failure(&keep, format!("{error}"))));
        let keep = failure.clone();
        inner.set_device_lost_callback(move |_, message| {
            set_failure(&keep, format!("lost: {message}"))
        });
        Ok(Device { inner, queue, limits, failure })
    }

    /// A buffer for shaders, which can be copied to and from.
    pub fn buffer(&self, bytes: u64) -> wgpu::Buffer {
        self.buffer_for(
            bytes,
            BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
        )
    }

    pub fn buffer_for(&self, bytes: u64, usage: BufferUsages) -> wgpu::Buffer {
        let descriptor =
            wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false };
        self.inner.create_buffer(&descriptor)
    }

    /// A buffer that holds `data`.
    pub fn upload<T: bytemuck::NoUninit>(&self, data: &[T]) -> wgpu::Buffer {
        let bytes = bytemuck::cast_slice(data);
        let buffer = self.buffer(bytes.len() as u64);
        self.queue.write_buffer(&buffer, 0, bytes);
        buffer
    }

    /// Runs `commands`, which call the device.
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`] if the device refuses one of the calls.
    pub async fn guarded<T>(&self, commands: impl FnOnce() -> T) -> Result<T> {
        let filters = [
            wgpu::ErrorFilter::Validation,
            wgpu::ErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Internal,
        ];
        let scopes = filters.map(|filter| self.inner.push_error_scope(filter));
        let result = commands();
        // All scopes end before anything is awaited, because other tasks may call the device then.
        let errors: Vec<_> = scopes.into_iter().rev().map(|scope| scope.pop()).collect();
        for error in errors {
            if let Some(error) = error.await {
                set_failure(&self.failure, error.to_string());
            }
        }
        self.check()?;
        Ok(result)
    }

    /// The floats in the first `bytes` of a buffer, once all commands are done. Outside of browsers
    /// this blocks.
    pub async fn read(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<f32>> {
        let slice = buffer.slice(..bytes);
        let (done, came) = promise();
        slice.map_async(wgpu::MapMode::Read, done);
        #[cfg(not(target_arch = "wasm32"))]
        if let Err(error) = self
            .inner
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(BATCH_TIMEOUT) })
        {
            // Later calls then fail at once.
            set_failure(&self.failure, format!("it does not answer ({error})"));
        }
        let mapped = came.await;
        self.check()?;
        mapped.map_err(|e| failed(format!("its results cannot be read ({e})")))?;
        let view = slice.get_mapped_range().map_err(|e| failed(e.to_string()))?;
        let floats = view.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let floats = floats.collect();
        drop(view);
        buffer.unmap();
        Ok(floats)
    }

    /// # Errors
    /// [`ErrorKind::GpuFailed`] if the device has failed, after which it never works again.
    pub fn check(&self) -> Result<()> {
        match &*lock(&self.failure) {
            Some(reason) => Err(failed(reason)),
            None => Ok(()),
        }
    }
}

#[cfg(target_arch = "wasm32")]
impl Drop for Device {
    /// A browser collects a device when its own memory runs low. The memory of the GPU does not count
    /// for that.
    fn drop(&mut self) {
        self.inner.destroy();
    }
}

/// Keeps the first failure, which is the cause of later ones.
fn set_failure(failure: &Mutex<Option<String>>, reason: String) {
    lock(failure).get_or_insert(one_line(&reason));
}

pub(super) fn failed(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::GpuFailed, format!("the GPU failed ({reason}); use the CPU"))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A callback, and a future that gives the argument of the callback.
fn promise<T>() -> (impl FnOnce(T), impl Future<Output = T>) {
    let shared = Arc::new(Mutex::new((None::<T>, None::<Waker>)));
    let keep = shared.clone();
    let done = move |value| {
        let waker = {
            let mut shared = lock(&keep);
            shared.0 = Some(value);
            shared.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    let came = poll_fn(move |context| {
        let mut shared = lock(&shared);
        match shared.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                shared.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    });
    (done, came)
}
