// The peer `@vladmandic/human` on Node: WebAssembly backend, face with its default models.
//
// Started by measure.py as `node human.cjs PACKAGES_DIR CLIP_JSON`; speaks one JSON object a line,
// as worker.py does for the peers in Python.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const readline = require('node:readline');

const packages = path.resolve(process.argv[2]);
const clip = JSON.parse(process.argv[3]);
const requirePeer = createRequire(path.join(packages, 'package.json'));
const tf = requirePeer('@tensorflow/tfjs-core');
const dirOf = (name) => `${path.join(packages, 'node_modules', name)}/`;
// By its path: the package's list of exports is spelled so that Node does not find this build.
const { Human, defaults } = requirePeer(`${dirOf('@vladmandic/human')}dist/human.node-wasm.js`);

const off = { enabled: false };

// Its own defaults for faces: detector, mesh, iris, emotion, description (age and gender).
const config = {
  backend: 'wasm',
  wasmPath: `${dirOf('@tensorflow/tfjs-backend-wasm')}dist/`,
  modelBasePath: `file://${dirOf('@vladmandic/human')}models/`,
  debug: false,
  warmup: 'none',
  body: off,
  hand: off,
  object: off,
  gesture: off,
  segmentation: off,
};
// What is given to one call of `detect` stays for the next ones, so both are spelled out.
const variants = {
  'default caching': { cacheSensitivity: defaults.cacheSensitivity },
  'no caching': { cacheSensitivity: 0 },
};

/** Read the models from disk: tfjs on WebAssembly by itself only knows how to fetch them. */
function readModelsFromDisk() {
  tf.io.registerLoadRouter((url) => {
    if (typeof url !== 'string' || !url.startsWith('file://')) return null;
    const file = url.slice('file://'.length);
    return {
      load: async () => {
        const model = JSON.parse(fs.readFileSync(file, 'utf8'));
        const parts = model.weightsManifest.flatMap((group) => group.paths);
        const weights = Buffer.concat(
          parts.map((part) => fs.readFileSync(path.join(path.dirname(file), part))),
        );
        return {
          modelTopology: model.modelTopology,
          format: model.format,
          signature: model.signature,
          weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
          weightData: weights.buffer.slice(
            weights.byteOffset,
            weights.byteOffset + weights.byteLength,
          ),
        };
      },
    };
  });
}

/** One frame; only `detect` is timed, neither reading nor making the tensor. */
async function look(human, pixels, variant) {
  const tensor = tf.tensor3d(pixels, [clip.height, clip.width, 3], 'int32');
  const cpu = process.cpuUsage();
  const wall = process.hrtime.bigint();
  const result = await human.detect(tensor, variants[variant]);
  const wallMs = Number(process.hrtime.bigint() - wall) / 1e6;
  const used = process.cpuUsage(cpu);
  tf.dispose(tensor);
  if (result.error) throw new Error(result.error);
  return {
    wall_ms: wallMs,
    cpu_ms: (used.user + used.system) / 1e3,
    faces: result.face.length,
    genders: result.face.map((face) => face.gender).filter(Boolean),
    ages: result.face.map((face) => face.age).filter(Boolean).map(String),
  };
}

async function run(human, { variant, warmup }) {
  const size = clip.width * clip.height * 3;
  const pixels = new Uint8Array(size);
  const file = fs.openSync(clip.pixels, 'r');
  const frames = [];
  for (let index = -warmup; index < clip.frames; index += 1) {
    // Warm-up looks at the clip's first frames.
    const position = (index < 0 ? (index + warmup) % clip.frames : index) * size;
    fs.readSync(file, pixels, 0, size, position);
    const frame = await look(human, pixels, variant);
    if (index >= 0) frames.push(frame);
  }
  fs.closeSync(file);
  return frames;
}

async function main() {
  const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
  console.log = console.error; // standard output is for the answers
  readModelsFromDisk();
  const human = new Human(config);
  await human.load();
  const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? 'SIMD' : 'no SIMD';
  const threads = (await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT')) ? 'threads' : '1 thread';
  say({ about: `human ${human.version}, node ${process.version}, ${tf.getBackend()}, ${simd}, ${threads}` });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    say({ frames: await run(human, JSON.parse(line)) });
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
