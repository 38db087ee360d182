// Text imports of the console that `bun build --compile` embeds into the executable.
declare module "*.mjs" {
  const text: string;
  export default text;
}
declare module "*.svg" {
  const text: string;
  export default text;
}
