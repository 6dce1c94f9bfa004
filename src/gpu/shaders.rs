//! Shaders, and the commands that run them.

use std::collections::HashMap;

use wgpu::BufferBinding;

use super::device::Device;

/// A step's source. Each is valid as it stands, for activations of f32 and some model's shapes; a
/// pipeline puts its own in the place of those constants.
pub(super) mod source {
    pub const EMBED: &str = include_str!("shaders/embed.wgsl");
    pub const LINEAR: &str = include_str!("shaders/linear.wgsl");
    pub const ATTENTION: &str = include_str!("shaders/attention.wgsl");
    pub const NORM: &str = include_str!("shaders/norm.wgsl");
    pub const POOL: &str = include_str!("shaders/pool.wgsl");
}

/// What activations are in memory, and products are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Real {
    F32,
    F16,
}

impl Real {
    pub fn bytes(self) -> u64 {
        match self {
            Real::F32 => 4,
            Real::F16 => 2,
        }
    }
}

/// A source for `real`, with other values for some of its constants.
pub(super) fn with_constants(source: &str, real: Real, constants: &[(&str, String)]) -> String {
    let mut code = source.to_owned();
    if real == Real::F16 {
        code = code.replace("alias Real = f32;", "enable f16;\nalias Real = f16;");
    }
    for (name, value) in constants {
        let declaration = format!("\nconst {name} = ");
        let start = code.find(&declaration).expect("shaders declare it") + declaration.len();
        let end = start + code[start..].find(';').expect("declarations end");
        code.replace_range(start..end, value);
    }
    code
}

/// A compiled shader.
#[derive(Clone)]
pub(super) struct Pipeline {
    inner: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// Compiles shaders, each once.
pub(super) struct Compiler<'a> {
    pub device: &'a Device,
    done: HashMap<String, Pipeline>,
}

impl<'a> Compiler<'a> {
    pub fn new(device: &'a Device) -> Compiler<'a> {
        Compiler { device, done: HashMap::new() }
    }

    pub fn compile(&mut self, source: &str, real: Real, constants: &[(&str, String)]) -> Pipeline {
        let code = with_constants(source, real, constants);
        let device = &self.device.inner;
        let compiled = self.done.entry(code).or_insert_with_key(|code| {
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: None,
                source: wgpu::ShaderSource::Wgsl(code.into()),
            });
            let compilation_options = wgpu::PipelineCompilationOptions {
                // Every shader writes its workgroup memory before it reads there.
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            };
            let inner = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: None,
                module: &module,
                entry_point: None,
                compilation_options,
                cache: None,
            });
            let layout = inner.get_bind_group_layout(0);
            Pipeline { inner, layout }
        });
        compiled.clone()
    }
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub dispatches: u64,
    pub submissions: u64,
    pub readbacks: u64,
    /// Bytes that the dispatches read from and write to buffers, each element once.
    pub bytes: u64,
}

/// The start of a buffer, and how many bytes a dispatch moves there.
pub(super) struct Range<'a> {
    buffer: &'a wgpu::Buffer,
    size: u64,
    moved: u64,
}

/// A range that a dispatch reads, or writes, once.
pub(super) fn once(buffer: &wgpu::Buffer, size: u64) -> Range<'_> {
    Range { buffer, size, moved: size }
}

/// A range that is read and written again.
pub(super) fn twice(buffer: &wgpu::Buffer, size: u64) -> Range<'_> {
    Range { buffer, size, moved: 2 * size }
}

/// A range of which `moved` bytes are read.
pub(super) fn part(buffer: &wgpu::Buffer, size: u64, moved: u64) -> Range<'_> {
    Range { buffer, size, moved }
}

/// Commands of a batch.
pub(super) struct Commands<'a> {
    device: &'a wgpu::Device,
    pass: wgpu::ComputePass<'a>,
    counts: Counts,
}

impl<'a> Commands<'a> {
    pub fn new(device: &'a Device, encoder: &'a mut wgpu::CommandEncoder) -> Commands<'a> {
        let pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        Commands { device: &device.inner, pass, counts: Counts::default() }
    }

    /// Runs a shader on ranges, which are its bindings in their order. A shader takes its numbers of
    /// tokens from the ranges' sizes.
    pub fn dispatch(&mut self, pipeline: &Pipeline, ranges: &[Range], groups: [usize; 2]) {
        let entries = ranges.iter().enumerate().map(|(i, range)| wgpu::BindGroupEntry {
            binding: i as u32,
            resource: wgpu::BindingResource::Buffer(BufferBinding {
                buffer: range.buffer,
                offset: 0,
                size: wgpu::BufferSize::new(range.size),
            }),
        });
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries.collect::<Vec<_>>(),
        });
        self.pass.set_pipeline(&pipeline.inner);
        self.pass.set_bind_group(0, &group, &[]);
        self.pass.dispatch_workgroups(groups[0] as u32, groups[1] as u32, 1);
        self.counts.dispatches += 1;
        self.counts.bytes += ranges.iter().map(|range| range.moved).sum::<u64>();
    }

    /// Ends the commands, and says what they were.
    pub fn end(self) -> Counts {
        self.counts
    }
}
