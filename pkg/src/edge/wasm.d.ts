// workerd and its bundlers compile an imported WebAssembly file.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
