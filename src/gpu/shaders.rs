//! Shaders, and the commands that run them.

use std::collections::HashMap;

use wgpu::BufferBinding;

use super::device::Device;

/// The sources of the steps. Each is valid as it stands, with activations of f32 and the shapes of one
/// model. A pipeline replaces those constants by its own.
pub(super) mod source {
    pub const EMBED: &str = include_str!("shaders/embed.wgsl");
    pub const LINEAR: &str = include_str!("shaders/linear.wgsl");
    pub const ATTENTION: &str = include_str!("shaders/attention.wgsl");
    pub const NORM: &str = include_str!("shaders/norm.wgsl");
    pub const POOL: &str = include_str!("shaders/pool.wgsl");
}

/// The type of activations in memory, and of the factors of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FloatType {
    F32,
    F16,
}

impl FloatType {
    pub fn bytes(self) -> u64 {
        match self {
            FloatType::F32 => 4,
            FloatType::F16 => 2,
        }
    }
}

/// A source with `float` as its type, and other values for some of its constants.
pub(super) fn with_constants(
    source: &str,
    float: FloatType,
    constants: &[(&str, String)],
) -> String {
    let mut code = source.to_owned();
    if float == FloatType::F16 {
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

/// Compiles shaders. Equal ones are compiled once.
pub(super) struct Compiler<'a> {
    pub device: &'a Device,
    done: HashMap<String, Pipeline>,
}

impl<'a> Compiler<'a> {
    pub fn new(device: &'a Device) -> Compiler<'a> {
        Compiler { device, done: HashMap::new() }
    }

    pub fn compile(
        &mut self,
        source: &str,
        float: FloatType,
        constants: &[(&str, String)],
    ) -> Pipeline {
        let code = with_constants(source, float, constants);
        let device = &self.device.inner;
        let compiled = self.done.entry(code).or_insert_with_key(|code| {
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: None,
                source: wgpu::ShaderSource::Wgsl(code.into()),
            });
            let compilation_options = wgpu::PipelineCompilationOptions {
                // Every shader writes its workgroup memory before it reads it.
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

/// How much work a batch was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub dispatches: u64,
    pub submissions: u64,
    pub readbacks: u64,
    /// The bytes that the dispatches read from buffers and write to them, each element once.
    pub bytes: u64,
}

/// The start of a buffer, and the number of bytes that a dispatch reads and writes there.
pub(super) struct Range<'a> {
    buffer: &'a wgpu::Buffer,
    size: u64,
    moved: u64,
}

/// A range that a dispatch reads or writes once.
pub(super) fn once(buffer: &wgpu::Buffer, size: u64) -> Range<'_> {
    Range { buffer, size, moved: size }
}

/// A range that is read and then written.
pub(super) fn twice(buffer: &wgpu::Buffer, size: u64) -> Range<'_> {
    Range { buffer, size, moved: 2 * size }
}

/// A range of which only `moved` bytes are read.
pub(super) fn part(buffer: &wgpu::Buffer, size: u64, moved: u64) -> Range<'_> {
    Range { buffer, size, moved }
}

/// The commands of a batch.
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

    /// Runs a shader on ranges, which are its bindings in order. A shader takes the number of tokens
    /// from the sizes of the ranges.
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

    /// Ends the commands, and returns how much work they were.
    pub fn end(self) -> Counts {
        self.counts
    }
}
